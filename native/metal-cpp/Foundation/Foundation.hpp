// The part of metal-cpp's Foundation that the bindings use, for machines without Metal.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace NS {

using UInteger = std::uintptr_t;
enum StringEncoding : UInteger { UTF8StringEncoding = 4 };

class Object {
 public:
  virtual ~Object() = default;
  void retain() { ++count_; }
  void release() {
    if (--count_ == 0) delete this;
  }

 private:
  int count_ = 1;
};

class AutoreleasePool : public Object {
 public:
  static AutoreleasePool* alloc() { return new AutoreleasePool; }
  AutoreleasePool* init() { return this; }
};

/// Strings and errors are autoreleased in metal-cpp; here they stay.
class String : public Object {
 public:
  static String* string(const char* text, StringEncoding) { return new String(text); }
  const char* utf8String() const { return text_.c_str(); }

 private:
  explicit String(const char* text) : text_(text) {}
  std::string text_;
};

class Error : public Object {
 public:
  explicit Error(const char* reason) : reason_(String::string(reason, UTF8StringEncoding)) {}
  String* localizedDescription() const { return reason_; }

 private:
  String* reason_;
};

template <typename T>
class SharedPtr {
 public:
  SharedPtr() = default;
  explicit SharedPtr(T* object) : object_(object) {}
  SharedPtr(const SharedPtr& other) : object_(other.object_) {
    if (object_ != nullptr) object_->retain();
  }
  SharedPtr(SharedPtr&& other) noexcept : object_(other.object_) { other.object_ = nullptr; }
  SharedPtr& operator=(SharedPtr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~SharedPtr() {
    if (object_ != nullptr) object_->release();
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

template <typename T>
SharedPtr<T> TransferPtr(T* object) {
  return SharedPtr<T>(object);
}

}  // namespace NS
