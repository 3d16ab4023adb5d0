//! The part of objc2-metal that the bindings use: signatures as the crate has them.

#![allow(non_snake_case, clippy::missing_safety_doc)]

use objc2::rc::Retained;
use objc2::runtime::ProtocolObject;
use objc2_foundation::{NSError, NSString};
use std::ffi::c_void;
use std::ptr::NonNull;

type Object<T> = Retained<ProtocolObject<T>>;
type Outcome<T> = Result<T, Retained<NSError>>;

#[derive(Clone, Copy)]
pub struct MTLSize {
    pub width: usize,
    pub height: usize,
    pub depth: usize,
}

#[derive(Clone, Copy)]
pub struct MTLResourceOptions;
impl MTLResourceOptions {
    #[allow(non_upper_case_globals)]
    pub const StorageModePrivate: Self = Self;
}

#[derive(Clone, Copy)]
pub struct MTLBarrierScope;
impl MTLBarrierScope {
    #[allow(non_upper_case_globals)]
    pub const Buffers: Self = Self;
}

#[derive(Clone, Copy)]
pub struct MTLDataType;
#[allow(non_upper_case_globals)]
impl MTLDataType {
    pub const UInt: Self = Self;
    pub const Bool: Self = Self;
    pub const Float: Self = Self;
}

pub struct MTLCompileOptions;
impl MTLCompileOptions {
    pub fn new() -> Retained<Self> {
        unimplemented!()
    }
    pub fn setFastMathEnabled(&self, _enabled: bool) {}
}

pub struct MTLFunctionConstantValues;
impl MTLFunctionConstantValues {
    pub fn new() -> Retained<Self> {
        unimplemented!()
    }
    pub unsafe fn setConstantValue_type_atIndex(&self, _value: NonNull<c_void>, _kind: MTLDataType, _index: usize) {}
}

macro_rules! protocol {
    ($name:ident { $($(@$unsafe:tt)? fn $method:ident(&self $(, $argument:ident: $type:ty)*) $(-> $result:ty)?;)* }) => {
        pub trait $name {
            $(protocol!(@method $($unsafe)? $method($($argument: $type),*) $(-> $result)?);)*
        }
        impl $name for ProtocolObject<dyn $name> {}
    };
    (@method unsafe $method:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?) => {
        unsafe fn $method(&self $(, $argument: $type)*) $(-> $result)? { $(let _ = $argument;)* unimplemented!() }
    };
    (@method $method:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?) => {
        fn $method(&self $(, $argument: $type)*) $(-> $result)? { $(let _ = $argument;)* unimplemented!() }
    };
}

protocol!(MTLBuffer {
    fn length(&self) -> usize;
});
protocol!(MTLFunction {});
protocol!(MTLComputePipelineState {
    fn maxTotalThreadsPerThreadgroup(&self) -> usize;
});
protocol!(MTLLibrary {
    fn newFunctionWithName_constantValues_error(&self, name: &NSString, values: &MTLFunctionConstantValues) -> Outcome<Object<dyn MTLFunction>>;
});
protocol!(MTLDevice {
    fn newLibraryWithSource_options_error(&self, source: &NSString, options: Option<&MTLCompileOptions>) -> Outcome<Object<dyn MTLLibrary>>;
    fn newComputePipelineStateWithFunction_error(&self, function: &ProtocolObject<dyn MTLFunction>) -> Outcome<Object<dyn MTLComputePipelineState>>;
    fn newBufferWithLength_options(&self, length: usize, options: MTLResourceOptions) -> Option<Object<dyn MTLBuffer>>;
});
protocol!(MTLComputeCommandEncoder {
    fn setComputePipelineState(&self, state: &ProtocolObject<dyn MTLComputePipelineState>);
    @unsafe fn setBuffer_offset_atIndex(&self, buffer: Option<&ProtocolObject<dyn MTLBuffer>>, offset: usize, index: usize);
    @unsafe fn setBytes_length_atIndex(&self, bytes: NonNull<c_void>, length: usize, index: usize);
    fn memoryBarrierWithScope(&self, scope: MTLBarrierScope);
    fn dispatchThreadgroups_threadsPerThreadgroup(&self, threadgroups: MTLSize, threads: MTLSize);
    @unsafe fn dispatchThreadgroupsWithIndirectBuffer_indirectBufferOffset_threadsPerThreadgroup(&self, buffer: &ProtocolObject<dyn MTLBuffer>, offset: usize, threads: MTLSize);
});
