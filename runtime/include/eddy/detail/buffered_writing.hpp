// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <eddy/detail/export.hpp>
#include <eddy/detail/out_buffer.hpp>
#include <eddy/detail/out_queue.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1::detail {

class BufferedWrite;

/// A `BufferedWriter` without the type of its stream: what is buffered, and who waits for room.
///
/// Room is granted in order of arrival, to one whole message at a time: whose it is copies when its
/// job runs, and nobody comes in between. So a message whose wait is given up has left nothing.
class EDDY_API BufferedWriting final : public OutQueue {
public:
    BufferedWriting(WritePort& port, std::size_t limit);
    ~BufferedWriting() override;

    [[nodiscard]] std::size_t buffered() const noexcept { return buffer_.size(); }
    [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
    [[nodiscard]] std::uint64_t messages() const noexcept { return messages_; }
    [[nodiscard]] std::size_t writers_waiting() const noexcept {
        return waiting_.size() + (granted_ ? 1 : 0);
    }
    using OutQueue::writes;

    /// Adds it if there is room and nobody waits. Throws: `WrongThread`, the failure,
    /// `std::bad_alloc`; nothing was added.
    [[nodiscard]] bool try_add(std::span<const Bytes> parts, const char* what);
    /// The usual case in few steps: not the first of its turn, and it fits where that is.
    [[nodiscard]] bool try_add_more(Bytes bytes, const char* what) {
        check(what);
        if (!is_hot() || bytes.size() > buffer_.room() || !fits(bytes.size()) || bytes.empty() ||
            somebody_is_coming()) {
            return false;
        }
        buffer_.append_here(bytes);
        ++messages_;
        accept_more(bytes.size());
        return true;
    }

private:
    friend class BufferedWrite;

    [[nodiscard]] bool fits(std::size_t total) const noexcept {
        const std::size_t used = buffer_.size() + reserved_;
        return used == 0 || (used <= limit_ && total <= limit_ - used);
    }
    void add(std::span<const Bytes> parts, std::size_t total);
    void add_granted(BufferedWrite& write);
    void take_back_grant() noexcept {
        reserved_ = 0;
        granted_ = false;
    }
    /// Somebody has left, or has come in.
    void made_room() noexcept;

    [[nodiscard]] std::size_t gather(std::span<Bytes> parts) noexcept override;
    void sent() noexcept override;
    void forget() noexcept override { buffer_.clear(); }
    void admit() noexcept override;
    [[nodiscard]] bool somebody_is_coming() const noexcept override {
        return granted_ || !waiting_.empty();
    }

    // Invariant: buffer_ and reserved_ together are at most limit_, or one message alone.
    const std::size_t limit_;
    OutBuffer buffer_;
    std::size_t gathered_ = 0;  // bytes, from the front
    std::size_t reserved_ = 0;  // bytes, for the one that is granted
    bool granted_ = false;      // a write has room, and has not used it
    std::uint64_t messages_ = 0;
    WaitQueue waiting_;
};

/// `write` of one message.
class EDDY_API BufferedWrite : public QueuedWaiter {
public:
    using Bytes = std::span<const std::byte>;

    BufferedWrite(BufferedWriting& writing, Bytes bytes) noexcept
        : writing_(writing), single_(bytes), parts_(&single_, 1) {}
    BufferedWrite(BufferedWriting& writing, std::span<const Bytes> parts) noexcept
        : writing_(writing), parts_(parts) {}

    [[nodiscard]] bool try_now() {
        waited_ = granted_ = false;
        return (parts_.size() == 1 && writing_.try_add_more(parts_.front(), name)) ||
               writing_.try_add(parts_, name);
    }
    void start();
    void take() {
        if (waited_) {
            take_waited();
        }
    }
    [[nodiscard]] const char* what() const noexcept override { return name; }

private:
    friend class BufferedWriting;
    void unlink() noexcept override;
    void pass_on() noexcept override;
    void catch_up() noexcept override;
    void take_waited();

    static constexpr const char* name = "BufferedWriter::write";

    BufferedWriting& writing_;
    Bytes single_;
    std::span<const Bytes> parts_;
    std::size_t total_ = 0;
    bool waited_ = false;
    bool granted_ = false;  // it has a part of reserved_
};

}  // namespace eddy::inline v0_1::detail
