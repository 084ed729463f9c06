// SPDX-License-Identifier: MIT
#include <eddy/exception_group.hpp>

#include <typeinfo>

#include <eddy/error.hpp>

#if __has_include(<cxxabi.h>)
#include <cstdlib>
#include <cxxabi.h>
#define EDDY_HAS_CXXABI 1
#else
#define EDDY_HAS_CXXABI 0
#endif

namespace eddy {

struct ExceptionGroup::Shared {
    std::vector<std::exception_ptr> exceptions;
    std::string message;
};

ExceptionGroup::ExceptionGroup(std::vector<std::exception_ptr> exceptions) {
    std::erase_if(exceptions, [](const std::exception_ptr& failure) {
        return failure == nullptr || detail::is_cancelled(failure);
    });
    std::string message = std::to_string(exceptions.size());
    message += exceptions.size() == 1 ? " failure" : " failures";
    const char* separator = ": ";
    for (const std::exception_ptr& failure : exceptions) {
        message += separator + detail::describe(failure);
        separator = "; ";
    }
    shared_ = std::make_shared<const Shared>(Shared{std::move(exceptions), std::move(message)});
}

std::span<const std::exception_ptr> ExceptionGroup::exceptions() const noexcept {
    return shared_->exceptions;
}

const char* ExceptionGroup::what() const noexcept { return shared_->message.c_str(); }

namespace detail {

namespace {

#if EDDY_HAS_CXXABI
std::string current_type_name() {
    const std::type_info* type = abi::__cxa_current_exception_type();
    if (type == nullptr) {
        return "an unknown exception";
    }
    int status = 0;
    char* demangled = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
    std::string name = status == 0 ? demangled : type->name();
    std::free(demangled);
    return "an exception of type " + name;
}
#else
std::string current_type_name() { return "an exception of an unknown type"; }
#endif

}  // namespace

std::string describe(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        return error.what();
    } catch (const Cancelled& cancelled) {
        return cancelled.message();
    } catch (...) {
        return current_type_name();
    }
}

bool is_cancelled(const std::exception_ptr& exception) noexcept {
    if (exception == nullptr) {
        return false;
    }
#if defined(__GLIBCXX__)
    return *exception.__cxa_exception_type() == typeid(Cancelled);
#else
    try {
        std::rethrow_exception(exception);
    } catch (const Cancelled&) {
        return true;
    } catch (...) {
        return false;
    }
#endif
}

}  // namespace detail
}  // namespace eddy
