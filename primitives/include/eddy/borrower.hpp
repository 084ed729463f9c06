// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>

#include <eddy/detail/export.hpp>
#include <eddy/job_info.hpp>

namespace eddy::inline v0_1 {

/// Who has a token of a `CapacityLimiter`: a job, or what you say: a number, or the address of an
/// object. The three never mean the same.
class EDDY_VISIBLE Borrower final {
public:
    enum class Kind : std::uint8_t { job, number, object };

    // NOLINTBEGIN(google-explicit-constructor): what it is made of is all it is
    template <std::integral N>
    Borrower(N number) noexcept : value_(static_cast<std::uint64_t>(number)), kind_(Kind::number) {}
    Borrower(const void* object) noexcept
        : value_(reinterpret_cast<std::uintptr_t>(object)), kind_(Kind::object) {}
    // NOLINTEND(google-explicit-constructor)

    [[nodiscard]] static Borrower job(JobId id) noexcept {
        Borrower borrower(id);
        borrower.kind_ = Kind::job;
        return borrower;
    }

    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    /// The job's id, the number, or the address.
    [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

    friend bool operator==(const Borrower&, const Borrower&) = default;

private:
    std::uint64_t value_;
    Kind kind_;
};

}  // namespace eddy::inline v0_1
