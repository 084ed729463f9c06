// SPDX-License-Identifier: MIT
#include <eddy/net/outbox.hpp>

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

namespace {

constexpr std::size_t smallest_ring = 8;
constexpr std::size_t largest_idle_ring = 64;

std::size_t positive(std::size_t bound, const char* what) {
    if (bound == 0) {
        throw std::invalid_argument(std::string(what) + " is at least one");
    }
    return bound;
}

std::exception_ptr too_slow(std::size_t messages, std::size_t bytes) noexcept {
    try {
        throw LimitExceeded(
            "outbox: the peer takes less than it is sent: " + std::to_string(messages) +
            " messages, " + std::to_string(bytes) + " bytes wait for it");
    } catch (...) {
        return std::current_exception();
    }
}

}  // namespace

Outbox::Outbox(detail::WritePort& port, const OutboxOptions& options)
    : OutQueue(port),
      max_bytes_(positive(options.max_bytes.checked("OutboxOptions::max_bytes"),
                          "OutboxOptions::max_bytes")),
      max_messages_(positive(options.max_messages.checked("OutboxOptions::max_messages"),
                             "OutboxOptions::max_messages")),
      when_full_(options.when_full) {}

Outbox::~Outbox() {
    EDDY_NO_USER(waiting_for_end_.empty(), "an Outbox was destroyed while jobs wait for its end");
    end();
}

OutboxStatistics Outbox::statistics() const {
    check("Outbox::statistics");
    return {.sent = sent_,
            .dropped = dropped_,
            .writes = writes(),
            .messages = count_,
            .bytes = bytes_};
}

std::exception_ptr Outbox::failure() const {
    check("Outbox::failure");
    if (OutQueue::failure() || !failed()) {
        return OutQueue::failure();
    }
    return std::make_exception_ptr(ClosedResource("outbox: the loop has ended"));
}

// --- sending -----------------------------------------------------------------------------------

bool Outbox::send(std::string text) {
    return send(std::make_shared<const std::string>(std::move(text)));
}

bool Outbox::send(Message message) {
    check("Outbox::send");
    if (message == nullptr) {
        throw std::invalid_argument("Outbox::send needs a message");
    }
    if (is_open()) {
        enter_loop("Outbox::send");
    }
    if (!is_open()) {  // or just found out that its loop is over
        ++dropped_;
        return false;
    }
    const std::size_t size = message->size();
    if (size == 0) {
        return true;
    }
    if (!has_room(size) && !make_room(size)) {
        ++dropped_;
        return false;
    }
    at(count_) = std::move(message);
    ++count_;
    bytes_ += size;
    accept(1);
    return true;
}

bool Outbox::has_room(std::size_t size) noexcept {
    const std::size_t waiting = bytes_ - (writing() ? gathered_bytes_ : 0);
    return count_ - held() < max_messages_ && waiting <= max_bytes_ &&
           size <= max_bytes_ - waiting && (count_ < ring_.size() || grow());
}

/// Without memory too: then there is a place where the oldest was.
bool Outbox::make_room(std::size_t size) noexcept {
    if (when_full_ == WhenFull::disconnect) {
        disconnect();
        return false;
    }
    if (when_full_ == WhenFull::drop_newest || size > max_bytes_) {
        return false;
    }
    bool room = false;
    while (!room && count_ > held()) {
        drop_oldest();
        room = has_room(size);
    }
    wake_flushes();
    return room;
}

bool Outbox::grow() noexcept {
    try {
        std::vector<Message> larger(std::max(smallest_ring, 2 * ring_.size()));
        for (std::size_t i = 0; i < count_; ++i) {
            larger[i] = std::move(at(i));
        }
        ring_.swap(larger);
        head_ = 0;
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

/// The first that the stream does not have. Those before it move up.
void Outbox::drop_oldest() noexcept {
    const std::size_t index = held();
    const Message dropped = std::move(at(index));  // goes last: its deleter may call `send`
    bytes_ -= dropped->size();
    for (std::size_t i = index; i > 0; --i) {
        at(i) = std::move(at(i - 1));
    }
    head_ = (head_ + 1) % ring_.size();
    --count_;
    ++dropped_;
    if (index == 0) {
        gone(1);
    } else {
        ++skipped_;
    }
}

void Outbox::disconnect() noexcept { fail_and_tear(too_slow(count_, bytes_)); }

std::size_t Outbox::gather(std::span<Bytes> parts) noexcept {
    gathered_ = std::min(count_, parts.size());
    gathered_bytes_ = 0;
    for (std::size_t i = 0; i < gathered_; ++i) {
        parts[i] = std::as_bytes(std::span(*at(i)));
        gathered_bytes_ += parts[i].size();
    }
    return gathered_;
}

void Outbox::sent() noexcept {
    std::array<Message, max_parts> taken;  // go last: their deleters may call `send`
    const std::size_t number = std::exchange(gathered_, 0);
    bytes_ -= std::exchange(gathered_bytes_, 0);
    for (std::size_t i = 0; i < number; ++i) {
        taken[i] = std::move(at(0));
        head_ = (head_ + 1) % ring_.size();
        --count_;
    }
    sent_ += number;
    gone(number + std::exchange(skipped_, 0));
    if (count_ == 0 && ring_.size() > largest_idle_ring) {
        std::vector<Message>().swap(ring_);
        head_ = 0;
    }
}

void Outbox::forget() noexcept {
    dropped_ += count_;
    count_ = bytes_ = head_ = gathered_ = gathered_bytes_ = 0;
    std::vector<Message>().swap(ring_);
}

void Outbox::admit() noexcept {
    if (failed()) {
        waiting_for_end_.wake_all();
    }
}

// --- waiting for its end -----------------------------------------------------------------------

Outbox::Broken Outbox::wait_broken() noexcept { return Broken(*this); }

bool Outbox::Broken::try_now() {
    outbox_.check(what());
    return outbox_.failed();
}

void Outbox::Broken::start() {
    if (outbox_.failed()) {  // since it was tried
        commit();
    } else {
        outbox_.waiting_for_end_.push_back(*this);
    }
}

}  // namespace eddy::inline v0_1
