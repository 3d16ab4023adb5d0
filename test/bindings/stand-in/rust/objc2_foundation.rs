//! The part of objc2-foundation that the bindings use.

#![allow(non_snake_case)]

use objc2::rc::Retained;

pub struct NSString;

impl NSString {
    pub fn from_str(_text: &str) -> Retained<NSString> {
        unimplemented!()
    }
}

impl std::fmt::Display for NSString {
    fn fmt(&self, _out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        unimplemented!()
    }
}

pub struct NSError;

impl NSError {
    pub fn localizedDescription(&self) -> Retained<NSString> {
        unimplemented!()
    }
}
