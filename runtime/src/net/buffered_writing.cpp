// SPDX-License-Identifier: MIT
#include <eddy/detail/buffered_writing.hpp>

#include <stdexcept>
#include <utility>

#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

namespace {

std::size_t size_of(std::span<const WritePort::Bytes> parts) noexcept {
    std::size_t total = 0;
    for (const WritePort::Bytes part : parts) {
        total += part.size();
    }
    return total;
}

}  // namespace

BufferedWriting::BufferedWriting(WritePort& port, std::size_t limit)
    : OutQueue(port), limit_(limit) {
    if (limit == 0) {
        throw std::invalid_argument("BufferedWriter: the limit is at least one byte");
    }
}

BufferedWriting::~BufferedWriting() {
    EDDY_NO_USER(waiting_.empty() && !granted_,
                 "a BufferedWriter was destroyed while jobs write to it");
    end();
}

bool BufferedWriting::try_add(std::span<const Bytes> parts, const char* what) {
    enter_loop(what);
    require_open(what);
    const std::size_t total = size_of(parts);
    if (total == 0) {
        return true;
    }
    if (somebody_is_coming() || !fits(total)) {
        return false;
    }
    add(parts, total);
    return true;
}

void BufferedWriting::add(std::span<const Bytes> parts, std::size_t total) {
    buffer_.append(parts, total);
    ++messages_;
    accept(total);
}

void BufferedWriting::add_granted(BufferedWrite& write) {
    take_back_grant();
    try {
        if (failed()) {
            refuse(write.what());
        }
        add(write.parts_, write.total_);
    } catch (...) {
        made_room();
        throw;
    }
    made_room();
}

void BufferedWriting::made_room() noexcept {
    admit();
    wake_flushes();
}

/// One at a time, so that their bytes follow each other in this order, whoever runs first; the next
/// one runs in the same turn. A commit may take others out of the line, and come back here.
void BufferedWriting::admit() noexcept {
    while (auto* const write = static_cast<BufferedWrite*>(waiting_.front())) {
        if (!failed()) {
            if (granted_ || !fits(write->total_)) {
                return;
            }
            write->granted_ = granted_ = true;
            reserved_ = write->total_;
        }
        static_cast<void>(waiting_.wake_one());
    }
}

std::size_t BufferedWriting::gather(std::span<Bytes> parts) noexcept {
    return buffer_.gather(parts, gathered_);
}

void BufferedWriting::sent() noexcept {
    buffer_.consume(gathered_);
    gone(gathered_);
}

// --- one write ---------------------------------------------------------------------------------

void BufferedWrite::start() {
    total_ = size_of(parts_);
    waited_ = true;
    if (writing_.failed()) {  // since it was tried
        commit();
    } else {
        writing_.waiting_.push_back(*this);
    }
}

void BufferedWrite::take_waited() {
    waited_ = false;
    if (std::exchange(granted_, false)) {
        writing_.add_granted(*this);
    } else if (writing_.failed()) {
        writing_.refuse(what());
    }
}

void BufferedWrite::unlink() noexcept {
    unlink_self();
    writing_.made_room();
}

void BufferedWrite::pass_on() noexcept {
    if (std::exchange(granted_, false)) {
        writing_.take_back_grant();
        writing_.made_room();
    }
}

void BufferedWrite::catch_up() noexcept { writing_.catch_up(); }

}  // namespace eddy::inline v0_1::detail
