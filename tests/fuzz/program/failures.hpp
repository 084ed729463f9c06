// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <exception>
#include <stdexcept>

#include <eddy/exception_group.hpp>

#include "fuzz.hpp"

namespace eddy::fuzz {

/// A failure that is told from all others.
class Tagged final : public std::runtime_error {
public:
    explicit Tagged(std::size_t tag) : std::runtime_error("tagged"), tag_(tag) {}
    [[nodiscard]] std::size_t tag() const noexcept { return tag_; }

private:
    std::size_t tag_;
};

/// One that may come out anywhere, any number of times.
class Untagged final : public std::runtime_error {
public:
    Untagged() : std::runtime_error("untagged") {}
};

/// Every failure that is thrown comes out in one place, once: where somebody catches it, or at the
/// observer.
class Failures final {
public:
    struct One {
        explicit One(std::size_t number) noexcept : tag(number) {}
        const std::size_t tag;
        std::atomic<bool> thrown = false;
        bool seen = false;
    };

    /// Stays where it is.
    [[nodiscard]] One& make() { return all_.emplace_back(all_.size()); }
    /// By whoever throws it, on any thread.
    [[noreturn]] static void raise(One& one) {
        one.thrown = true;
        throw Tagged(one.tag);
    }
    /// It has come out, or an ExceptionGroup with several has. Others are not counted.
    void caught(const std::exception_ptr& error) {
        try {
            std::rethrow_exception(error);
        } catch (const Tagged& tagged) {
            seen(tagged);
        } catch (const ExceptionGroup& group) {
            FUZZ_REQUIRE(!group.exceptions().empty());
            group.for_each<Tagged>([this](const Tagged& tagged) { seen(tagged); });
        } catch (...) {
            return;
        }
    }
    /// Torn: one that was on its way through a job that was destroyed is gone with it.
    void check(bool torn) const {
        for (const One& one : all_) {
            FUZZ_REQUIRE(one.thrown == one.seen || (torn && one.thrown));
        }
    }

private:
    void seen(const Tagged& tagged) {
        One& one = all_[tagged.tag()];
        FUZZ_REQUIRE(one.thrown && !one.seen);
        one.seen = true;
    }

    std::deque<One> all_;
};

}  // namespace eddy::fuzz
