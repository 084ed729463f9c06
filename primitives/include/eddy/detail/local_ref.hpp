// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <utility>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

/// What several handles and waits of one loop share: lives as long as one of them. The count is a
/// plain number, so all of them belong on the loop's thread.
class LocalShared {
public:
    LocalShared(const LocalShared&) = delete;
    LocalShared& operator=(const LocalShared&) = delete;

protected:
    LocalShared() = default;
    virtual ~LocalShared() = default;

private:
    template <class T>
    friend class LocalRef;
    std::size_t references_ = 0;
};

/// A reference to it, possibly null.
template <class T>
class LocalRef final {
public:
    LocalRef() noexcept = default;
    explicit LocalRef(T* shared) noexcept : shared_(shared) { ++count(); }
    LocalRef(const LocalRef& other) noexcept : shared_(other.shared_) {
        if (shared_ != nullptr) {
            ++count();
        }
    }
    LocalRef(LocalRef&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
    LocalRef& operator=(LocalRef other) noexcept {
        std::swap(shared_, other.shared_);
        return *this;
    }
    ~LocalRef() {
        if (shared_ != nullptr && --count() == 0) {
            delete static_cast<LocalShared*>(shared_);
        }
    }

    /// Its reference is the caller's, who makes it a LocalRef again: `adopt`.
    [[nodiscard]] T* detach() noexcept { return std::exchange(shared_, nullptr); }
    [[nodiscard]] static LocalRef adopt(T* shared) noexcept {
        LocalRef ref;
        ref.shared_ = shared;
        return ref;
    }

    [[nodiscard]] explicit operator bool() const noexcept { return shared_ != nullptr; }
    [[nodiscard]] T& operator*() const noexcept { return *shared_; }
    [[nodiscard]] T* operator->() const noexcept { return shared_; }

private:
    [[nodiscard]] std::size_t& count() const noexcept {
        return static_cast<LocalShared*>(shared_)->references_;
    }

    T* shared_ = nullptr;
};

/// For handles that were moved from. Throws: `InvalidState` naming `what`.
[[noreturn]] EDDY_API void throw_moved_from(const char* what);

}  // namespace eddy::inline v0_1::detail
