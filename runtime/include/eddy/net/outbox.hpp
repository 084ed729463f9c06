// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <eddy/detail/export.hpp>
#include <eddy/detail/out_queue.hpp>
#include <eddy/detail/queue_shutdown.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/detail/write_port.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

/// What an outbox does with a message for which it has no room.
enum class WhenFull : std::uint8_t {
    drop_oldest,  ///< makes room: the oldest that have not been handed to the stream go
    drop_newest,  ///< that message goes
    disconnect,   ///< that message goes, and so does the connection
};

/// Bounds of what waits; the messages that the stream is writing, up to 16 within the same bounds,
/// wait no more, and cannot be dropped.
struct EDDY_VISIBLE OutboxOptions {
    detail::Count max_bytes = 256UL * 1024;  ///< at least 1; a larger one has no room
    detail::Count max_messages = 1024;       ///< at least 1
    WhenFull when_full = WhenFull::disconnect;
};

struct EDDY_VISIBLE OutboxStatistics {
    std::uint64_t sent = 0;     ///< messages that the stream has taken
    std::uint64_t dropped = 0;  ///< that were given to it and will never be sent
    std::uint64_t writes = 0;   ///< of the stream: up to 16 messages each
    std::size_t messages = 0;   ///< that wait, or are being written
    std::size_t bytes = 0;      ///< theirs
};

/// The out-queue of one connection, for who has something for many and waits for none of them.
///
///     StreamOutbox outbox(stream, {.when_full = WhenFull::disconnect});
///     room.members.insert(&outbox);   // a set of Outbox*
///     ...
///     const auto message = std::make_shared<const std::string>(text);
///     for (Outbox* member : room.members) member->send(message);   // one text, no copies
///
/// `send` never waits and never fails: a peer that is too slow costs what the bounds allow, and
/// what becomes of it then is said by `WhenFull`. Disconnected, its stream is torn (`close_reset`,
/// or `close` if it has none), so whoever reads it gets `ClosedResource`; `wait_broken` and
/// `failure` tell why. Messages are whole, in order, sent once per turn of the loop, up to 16 in a
/// system call.
///
/// This is the part that senders know. `StreamOutbox` is made where the stream is, and has what its
/// owner needs. For one stream that is written by its own handlers, see `BufferedWriter`.
///
/// Order:    of `send`.
/// Lifetime: messages are shared, and let go when the stream has taken them. For the rest as a
///           `BufferedWriter`: it refers to the stream, and destroyed with something unsent it
///           tears it. Take it out of the sets that it is in before.
/// Cost:     16 bytes for each message that waits; none when empty. No job, no deadline.
class EDDY_API Outbox : protected detail::OutQueue {
public:
    using Message = std::shared_ptr<const std::string>;
    class Broken;

    /// False: it was dropped, and counted; nothing can be sent any more, or it had no room. Without
    /// memory for its place it has none. An empty one is sent at once.
    ///
    /// Throws: `std::invalid_argument` for none at all, `WrongThread`, `InvalidState` outside a
    ///         loop.
    bool send(Message message);
    /// Of a text of its own. Throws: `std::bad_alloc`, too.
    bool send(std::string text);

    [[nodiscard]] OutboxStatistics statistics() const;
    /// Why nothing can be sent any more; null as long as it can.
    [[nodiscard]] std::exception_ptr failure() const;
    /// Waits until nothing can be sent any more, and gives the reason: `LimitExceeded` if its peer
    /// was too slow, else what the stream has thrown. Never ends after a shutdown.
    [[nodiscard]] Broken wait_broken() noexcept;

protected:
    /// Throws: `std::invalid_argument` for a bound of zero.
    Outbox(detail::WritePort& port, const OutboxOptions& options);
    ~Outbox() override;

private:
    [[nodiscard]] bool has_room(std::size_t size) noexcept;
    [[nodiscard]] bool make_room(std::size_t size) noexcept;
    [[nodiscard]] bool grow() noexcept;
    void drop_oldest() noexcept;
    void disconnect() noexcept;
    [[nodiscard]] Message& at(std::size_t index) noexcept {
        return ring_[(head_ + index) % ring_.size()];
    }
    /// With the stream: they stay.
    [[nodiscard]] std::size_t held() const noexcept { return writing() ? gathered_ : 0; }

    [[nodiscard]] std::size_t gather(std::span<Bytes> parts) noexcept final;
    void sent() noexcept final;
    void forget() noexcept final;
    void admit() noexcept final;
    [[nodiscard]] bool somebody_is_coming() const noexcept final { return false; }

    // Invariant: count_ messages from head_ on, bytes_ long together; the first held() of them are
    // with the stream. Numbers of the OutQueue are messages: skipped_ are those that were dropped
    // right behind the held ones, and are gone when these are.
    const std::size_t max_bytes_;
    const std::size_t max_messages_;
    const WhenFull when_full_;
    std::vector<Message> ring_;
    std::size_t head_ = 0;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
    std::size_t gathered_ = 0;
    std::size_t gathered_bytes_ = 0;
    std::uint64_t skipped_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t dropped_ = 0;
    WaitQueue waiting_for_end_;
};

class EDDY_API Outbox::Broken final : public QueuedWaiter {
public:
    explicit Broken(Outbox& outbox) noexcept : outbox_(outbox) {}
    [[nodiscard]] bool try_now();
    void start();
    [[nodiscard]] std::exception_ptr take() const { return outbox_.failure(); }
    [[nodiscard]] const char* what() const noexcept override { return "Outbox::wait_broken"; }

private:
    void catch_up() noexcept override { outbox_.catch_up(); }

    Outbox& outbox_;
};

namespace detail {

/// So that it is there before the queue is.
template <class S>
class EDDY_VISIBLE HasWritePort {
protected:
    explicit HasWritePort(S& stream) noexcept : port_(stream) {}
    WritePortOf<S> port_;
};

}  // namespace detail

/// The `Outbox` of one stream.
template <class S>
    requires WriteStream<S>
class EDDY_VISIBLE StreamOutbox final : private detail::HasWritePort<S>, public Outbox {
    using Port = detail::HasWritePort<S>;

public:
    /// Throws: `std::invalid_argument` for a bound of zero.
    explicit StreamOutbox(S& stream, const OutboxOptions& options = {})
        : Port(stream), Outbox(Port::port_, options) {}

    [[nodiscard]] S& stream() const noexcept { return Port::port_.stream(); }

    /// Sends at once. Ends when the stream has taken everything that was accepted before and not
    /// dropped since. For the end of a connection: `send` is not held up by it.
    ///
    /// Throws: the failure.
    [[nodiscard]] detail::QueueFlushOf<S> flush() noexcept { return {*this, "Outbox::flush"}; }

    /// Sends everything, then shuts the stream down; what is given to `send` meanwhile or later is
    /// dropped. Cancelled, it has not shut down.
    ///
    /// Throws: the failure.
    [[nodiscard]] detail::QueueShutdown<S> shutdown() noexcept {
        return {*this, stream(), "Outbox::shutdown"};
    }
};

}  // namespace eddy::inline v0_1
