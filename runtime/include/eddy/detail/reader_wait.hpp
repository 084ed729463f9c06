// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <eddy/detail/export.hpp>
#include <eddy/detail/outer_wait.hpp>
#include <eddy/detail/read_buffer.hpp>

namespace eddy::inline v0_1::detail {

/// A wait for something in the buffer of a reader: the part of it that knows of no stream.
///
/// It is the reader's user from when it has something for its job, or waits, until it is taken or
/// given up: what it has found stays where it is. One that was tried in vain has left nothing
/// behind but what it has read, in the buffer.
///
/// The derived class has
///
///     bool try_now();  // `begin`, and `try_as_user` of what looks, and reads what is there
///     void start();    // `start_as_user` of what starts the inner wait, or looks again
///     R take();        // `leave` and `conclude`, then it takes from the buffer
class EDDY_API ReaderWait : public SteppedWait {
public:
    [[nodiscard]] const char* what() const noexcept override { return name_; }

protected:
    ReaderWait(ReadBuffer& buffer, const char* name) noexcept : buffer_(buffer), name_(name) {}
    ~ReaderWait() override = default;

    /// Calls `look`, and remains the user if that returns true.
    ///
    /// Throws: `WrongThread`, `BrokenResource`, `BusyResource`, what `look` throws.
    template <class Look>
    [[nodiscard]] bool try_as_user(Look&& look) {
        use_ = enter();
        try {
            const bool remain = look();
            if (!remain) {
                leave();
            }
            return remain;
        } catch (...) {
            leave();
            throw;
        }
    }

    /// Calls `start`, and remains the user.
    template <class Start>
    void start_as_user(Start&& start) {
        const std::uint32_t use = enter();
        const bool undisturbed = use == use_ + 1;
        try {
            start(undisturbed);
        } catch (...) {
            given_up();
            throw;
        }
    }

    void leave() noexcept {
        if (user_) {
            user_ = false;
            buffer_.leave();
        }
    }
    void given_up() noexcept override { leave(); }

    ReadBuffer& buffer_;

private:
    std::uint32_t enter() {
        const std::uint32_t use = buffer_.enter(name_);
        user_ = true;
        return use;
    }

    const char* name_;
    std::uint32_t use_ = 0;  // of the last try: has anybody used the buffer since?
    bool user_ = false;
};

/// The same for a read into memory of the caller's: what came there is unread again, unless the
/// operation succeeds.
class EDDY_API IntoWait : public ReaderWait {
protected:
    IntoWait(ReadBuffer& buffer, const char* name, std::span<std::byte> into) noexcept
        : ReaderWait(buffer, name), into_(into) {}
    ~IntoWait() override = default;

    [[nodiscard]] std::span<std::byte> rest() const noexcept { return into_.subspan(done_); }
    void add(std::size_t length) noexcept { done_ += length; }
    /// How many bytes lie in the caller's memory now, and are his. Throws what it failed with.
    [[nodiscard]] std::size_t finish();

    void given_up() noexcept override;

    std::span<std::byte> into_;

private:
    std::size_t done_ = 0;  // bytes of into_ that were taken from the stream, or the buffer
};

}  // namespace eddy::inline v0_1::detail
