//! The part of objc2 that the bindings use, for machines without Metal: types alone, nothing runs.

pub mod rc {
    pub struct Retained<T: ?Sized>(pub *mut T);

    impl<T: ?Sized> std::ops::Deref for Retained<T> {
        type Target = T;
        fn deref(&self) -> &T {
            unimplemented!()
        }
    }

    impl<T: ?Sized> Clone for Retained<T> {
        fn clone(&self) -> Self {
            unimplemented!()
        }
    }
}

impl<T: ?Sized + std::fmt::Display> std::fmt::Display for rc::Retained<T> {
    fn fmt(&self, _out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        unimplemented!()
    }
}

pub mod runtime {
    pub struct ProtocolObject<T: ?Sized>(pub std::marker::PhantomData<T>);
}
