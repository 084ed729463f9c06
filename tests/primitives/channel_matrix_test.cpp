// SPDX-License-Identifier: MIT
#include <cstddef>
#include <optional>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/channel.hpp>
#include <eddy/oneshot.hpp>
#include <eddy/testing/wait_matrix.hpp>

namespace {

using eddy::Receiver;
using eddy::Sender;
using eddy::Task;
using eddy::testing::VirtualClock;

class Ends {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit Ends(std::size_t capacity) : Ends(eddy::open_channel<int>(capacity)) {}
    bool intact() const {
        const eddy::ChannelStatistics now = sender_.statistics();
        return now.waiting_to_send == 0 && now.waiting_to_receive == 0 && now.reserved == 0;
    }

protected:
    Sender<int> sender_;
    Receiver<int> receiver_;

private:
    explicit Ends(std::pair<Sender<int>, Receiver<int>> ends)
        : sender_(std::move(ends.first)), receiver_(std::move(ends.second)) {}
};

class ReceiveFixture : public Ends {
public:
    explicit ReceiveFixture(VirtualClock&) : Ends(1) {}
    Task<> prepare() { co_return; }
    auto operation() { return receiver_.receive(); }
    void took() { ++taken_; }
    Task<> wait() {
        co_await receiver_.receive();
        ++taken_;
    }
    Task<> wait_again() {
        if (sender_.statistics().buffered == 0) {
            complete();
        }
        co_await receiver_.receive();
        ++taken_;
    }
    void complete() {
        CHECK(sender_.try_send(1));
        ++sent_;
    }
    bool intact() const {
        return Ends::intact() && sender_.statistics().buffered == sent_ - taken_;
    }

protected:
    std::size_t sent_ = 0;
    std::size_t taken_ = 0;
};

struct NextFixture : ReceiveFixture {
    using ReceiveFixture::ReceiveFixture;
    auto operation() { return receiver_.next(); }
    Task<> wait() {
        const std::optional<int> item = co_await receiver_.next();
        CHECK(item);
        ++taken_;
    }
};

/// The end, for one that waits for an item.
struct EndFixture : NextFixture {
    using NextFixture::NextFixture;
    void took() {}
    Task<> wait() {
        const std::optional<int> item = co_await receiver_.next();
        CHECK_FALSE(item);
    }
    Task<> wait_again() { co_await wait(); }
    void complete() { sender_.close(); }
};

class SendFixture : public Ends {
public:
    explicit SendFixture(VirtualClock&) : Ends(1) {}
    Task<> prepare() { co_await sender_.send(0); }
    auto operation() { return sender_.send(std::move(item_)); }
    void complete_again() { CHECK(receiver_.try_receive() == 1); }
    Task<> wait() { co_await sender_.send(1); }
    Task<> wait_again() {
        static_cast<void>(receiver_.try_receive());
        co_await sender_.send(2);
    }
    void complete() { CHECK(receiver_.try_receive() == 0); }

private:
    int item_ = 1;
};

struct SendCopyFixture : SendFixture {
    using SendFixture::SendFixture;
    auto operation() {
        const int item = 1;
        return sender_.send(item);
    }
    Task<> wait() {
        const int item = 1;
        co_await sender_.send(item);
    }
};

/// What is sent must be received: by a job that tries again and again.
class RendezvousFixture : public Ends {
public:
    explicit RendezvousFixture(VirtualClock&) : Ends(0) {}
    Task<> prepare() { co_return; }
    auto operation() { return sender_.send(std::move(item_)); }
    Task<> wait() {
        if (completed_ && sender_.statistics().waiting_to_receive == 0) {
            co_await eddy::checkpoint();  // there is nobody to wait for
        } else {
            co_await sender_.send(1);
        }
    }
    Task<> wait_again() { co_await wait(); }
    void complete() {
        completed_ = true;
        static_cast<void>(receiver_.try_receive());
    }

private:
    int item_ = 1;
    bool completed_ = false;
};

/// An item that comes back has a place, though there is no room.
class RendezvousReceiveFixture : public Ends {
public:
    explicit RendezvousReceiveFixture(VirtualClock&) : Ends(0) {}
    Task<> prepare() { co_return; }
    auto operation() { return receiver_.receive(); }
    void took() { sent_ = false; }
    Task<> wait() {
        if (missed_) {
            co_await eddy::checkpoint();  // nobody was there to take it
            missed_ = false;
        } else {
            co_await receiver_.receive();
            sent_ = false;
        }
    }
    Task<> wait_again() {
        if (sent_ || missed_) {
            co_await wait();
        }
    }
    void complete() { (sender_.try_send(1) ? sent_ : missed_) = true; }
    bool intact() const {
        return Ends::intact() && sender_.statistics().buffered == (sent_ ? 1U : 0U);
    }

private:
    bool sent_ = false;
    bool missed_ = false;
};

class ReserveFixture : public Ends {
public:
    explicit ReserveFixture(VirtualClock&) : Ends(1) {}
    Task<> prepare() { co_await sender_.send(0); }
    auto operation() { return sender_.reserve(); }
    Task<> wait() {
        const auto slot = co_await sender_.reserve();
        CHECK(sender_.statistics().reserved == 1);
    }
    Task<> wait_again() { co_await wait(); }
    void complete() { CHECK(receiver_.try_receive() == 0); }
};

class OneshotFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit OneshotFixture(VirtualClock&) {}
    Task<> prepare() { co_return; }
    static constexpr bool refuses_again = true;  // there is one value
    auto operation() { return once_.receiver.receive(); }
    void took() { taken_ = true; }
    Task<> wait() {
        const int value = co_await once_.receiver.receive();
        CHECK(value == 1);
        taken_ = true;
    }
    Task<> wait_again() {
        const std::optional<int> value = co_await once_.receiver.next();
        CHECK(value.has_value() != taken_);
        taken_ = true;
    }
    void complete() {
        sent_ = true;
        CHECK_FALSE(once_.sender.send(1));
    }
    bool intact() const {
        const eddy::OneshotStatistics now = once_.receiver.statistics();
        return now.waiters == 0 && now.available == (sent_ && !taken_);
    }

protected:
    eddy::Oneshot<int> once_;
    bool sent_ = false;
    bool taken_ = false;
};

struct OneshotNextFixture : OneshotFixture {
    using OneshotFixture::OneshotFixture;
    static constexpr bool refuses_again = false;  // it says that there is none
    auto operation() { return once_.receiver.next(); }
    Task<> wait() {
        const std::optional<int> value = co_await once_.receiver.next();
        CHECK(value == 1);
        taken_ = true;
    }
};

}  // namespace

EDDY_WAIT_MATRIX("Receiver::receive", ReceiveFixture)
EDDY_WAIT_MATRIX("Receiver::next", NextFixture)
EDDY_WAIT_MATRIX("Receiver::next at the end", EndFixture)
EDDY_WAIT_MATRIX("Sender::send", SendFixture)
EDDY_WAIT_MATRIX("Sender::send to a rendezvous", RendezvousFixture)
EDDY_WAIT_MATRIX("Sender::send of a copy", SendCopyFixture)
EDDY_WAIT_MATRIX("Receiver::receive from a rendezvous", RendezvousReceiveFixture)
EDDY_WAIT_MATRIX("Sender::reserve", ReserveFixture)
EDDY_WAIT_MATRIX("OneshotReceiver::receive", OneshotFixture)
EDDY_WAIT_MATRIX("OneshotReceiver::next", OneshotNextFixture)
