// Text between C++ and Foundation, for the Objective-C++ files of this folder only.

#ifndef MOEGEN_NATIVE_METAL_OBJC_TEXT_H_
#define MOEGEN_NATIVE_METAL_OBJC_TEXT_H_

#import <Foundation/Foundation.h>

#include <string>

namespace moegen {

inline std::string ToString(NSString* text) {
  return text == nil ? std::string() : std::string(text.UTF8String);
}

// Null where the bytes are no UTF-8.
inline NSString* ToNSString(const std::string& text) {
  return [[NSString alloc] initWithBytes:text.data()
                                  length:text.size()
                                encoding:NSUTF8StringEncoding];
}

inline std::string ErrorText(NSError* error) {
  if (error == nil) return "no reason was given";
  return ToString(error.localizedDescription) + " (" + ToString(error.domain) + " " +
         std::to_string(error.code) + ")";
}

}  // namespace moegen

#endif  // MOEGEN_NATIVE_METAL_OBJC_TEXT_H_
