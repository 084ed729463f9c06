// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/outer_wait.hpp>
#include <eddy/error.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/select.hpp>

/// `wait_readable` for a stream without it: a small read finds out, and what it has read is kept
/// for the next one.

namespace eddy::inline v0_1::detail {

/// What was read too early. The stream and its reads share it: they may outlive the stream.
///
/// Invariant: begin <= end; `claimed` while a read that has seen the bytes has not been taken.
struct EDDY_VISIBLE Peeked final {
    std::array<std::byte, 256> bytes;
    std::size_t begin = 0;
    std::size_t end = 0;
    bool claimed = false;
    bool at_end = false;  // of the stream: it is readable for ever
    bool closed = false;
    LoopBound bound;

    [[nodiscard]] std::size_t size() const noexcept { return end - begin; }
    void check(const char* what) const {
        bound.check(what);
        if (closed) {
            throw ClosedResource(std::string(what) + ": this stream is closed");
        }
        if (claimed) {
            throw BusyResource(std::string(what) + ": another job reads from this stream");
        }
    }
    void close() noexcept {
        closed = true;
        begin = end = 0;
    }
};

/// `Op`: the read of the stream.
template <class S>
class EDDY_VISIBLE PeekedRead final : public OuterWait {
    using Op = decltype(std::declval<S&>().read_some(std::span<std::byte>()));

public:
    static constexpr bool calls_out = detail::calls_out<Op>;
    static constexpr bool looks_again = detail::looks_again<Op>;
    static constexpr bool steps_call_out = detail::steps_call_out<Op>;
    static constexpr bool take_calls_out = detail::take_calls_out<Op>;

    PeekedRead(std::shared_ptr<Peeked> peeked, S& stream, std::span<std::byte> into)
        : peeked_(std::move(peeked)), into_(into), op_(stream.read_some(into)) {}

    [[nodiscard]] bool try_now() {
        peeked_->check("read_some");
        if (peeked_->size() != 0) {
            if (into_.empty()) {
                throw std::invalid_argument("read_some needs a span with room for a byte");
            }
            peeked_->claimed = true;
            return true;
        }
        if (!op_.try_now()) {
            return false;
        }
        holds(op_);
        return true;
    }
    void start() { start_inner(op_); }
    [[nodiscard]] std::size_t take() {
        if (inner() != nullptr) {
            left();
            return op_.take();
        }
        peeked_->claimed = false;
        if (peeked_->closed) {  // since it was tried
            throw ClosedResource("read_some: this stream was closed while a job read from it");
        }
        const std::size_t length = std::min(into_.size(), peeked_->size());
        std::memcpy(into_.data(), peeked_->bytes.data() + peeked_->begin, length);
        peeked_->begin += length;
        return length;
    }
    [[nodiscard]] const char* what() const noexcept override { return op_.what(); }

private:
    void pass_on() noexcept override {
        if (inner() == nullptr) {
            peeked_->claimed = false;
        }
        OuterWait::pass_on();
    }

    std::shared_ptr<Peeked> peeked_;
    std::span<std::byte> into_;
    Op op_;
};

template <class S>
class EDDY_VISIBLE PeekedReadable final : public OuterWait {
    using Op = decltype(std::declval<S&>().read_some(std::span<std::byte>()));

public:
    static constexpr bool calls_out = detail::calls_out<Op>;
    static constexpr bool looks_again = detail::looks_again<Op>;
    static constexpr bool steps_call_out = detail::steps_call_out<Op>;
    static constexpr bool take_calls_out = detail::take_calls_out<Op>;

    PeekedReadable(std::shared_ptr<Peeked> peeked, S& stream)
        : peeked_(std::move(peeked)), op_(stream.read_some(peeked_->bytes)) {}

    [[nodiscard]] bool try_now() {
        peeked_->check("wait_readable");
        if (peeked_->size() != 0 || peeked_->at_end) {
            return true;
        }
        if (!op_.try_now()) {
            return false;
        }
        peeked_->claimed = true;
        holds(op_);
        return true;
    }
    void start() { start_inner(op_); }
    void take() {
        if (inner() != nullptr) {
            keep();
        }
    }
    [[nodiscard]] const char* what() const noexcept override { return "wait_readable"; }

private:
    /// Bytes are there as soon as the read has ended, and until they are kept nobody else reads.
    void committed(Waiter& operation, bool willing) noexcept override {
        peeked_->claimed = true;
        OuterWait::committed(operation, willing);
    }
    void keep() {
        peeked_->claimed = false;
        left();
        const std::size_t length = op_.take();
        if (!peeked_->closed) {
            peeked_->begin = 0;
            peeked_->end = length;
            peeked_->at_end = length == 0;
        }
    }
    void keep_quietly() noexcept {
        try {
            keep();
        } catch (...) {  // the stream says it again
        }
    }
    /// What has come is lost to nobody.
    void pass_on() noexcept override {
        if (inner() != nullptr) {
            keep_quietly();
        }
    }

    std::shared_ptr<Peeked> peeked_;
    Op op_;
};

}  // namespace eddy::inline v0_1::detail
