// SPDX-License-Identifier: MIT
#include "echo_client.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/gather.hpp>
#include <eddy/sleep.hpp>
#include <eddy/with_scope.hpp>

namespace simulation {

using namespace std::chrono_literals;

namespace {

/// Less than any service's limit on silence, more than the slowest wire takes.
constexpr eddy::Duration patience = 45s;

/// Both directions may break; one of them is enough to say so.
Task<> noting(std::exception_ptr& error, Task<> work) {
    try {
        co_await std::move(work);
    } catch (const std::exception&) {
        error = std::current_exception();
    }
}

struct GaveUp final : std::runtime_error {
    GaveUp() : std::runtime_error("gave up waiting") {}
};

}  // namespace

EchoClient::EchoClient(std::string name,
                       Chance chance,
                       Network& network,
                       Service& service,
                       const Service* behind,
                       Findings& findings)
    : name_(std::move(name)),
      chance_(chance),
      network_(network),
      service_(service),
      behind_(behind),
      findings_(findings) {}

std::uint64_t EchoClient::drains() const {
    return service_.drains() + (behind_ != nullptr ? behind_->drains() : 0);
}

Task<> EchoClient::session() {
    weather_ = some_weather(chance_);
    faults_ = faults_of(weather_, chance_);
    drains_before_ = drains();
    // One that drains accepts no more; one that is down now may be up before we hear of it.
    error_is_due_ = !service_.up() || (behind_ != nullptr && !behind_->up());
    const bool was_up = service_.up();
    std::optional<Line> line;
    try {
        line.emplace(network_.connect(service_, faults_));
    } catch (const eddy::BrokenResource&) {
        findings_.expect(!was_up, name_ + " was refused by a service that is up");
        findings_.happened(name_ + " was refused");
        co_return;
    }
    std::string error;
    try {
        co_await talk(line->stream);
    } catch (const std::exception& failure) {
        error = failure.what();
    }
    if (!error.empty()) {
        ++errors_;
        const bool due = error_is_due_ || line->report->reset || line->report->stalled ||
                         drains() != drains_before_;
        findings_.expect(due, name_ + " got an error that it was not due: " + error);
    }
    findings_.happened(name_ + " ends: " + error, line->report->there + line->report->back);
}

Task<> EchoClient::talk(MemoryStream& stream) {
    const std::uint64_t messages = chance_.between(1, 12);
    for (std::uint64_t i = 0; i < messages; ++i) {
        co_await exchange(stream);
        co_await eddy::sleep_for(chance_.between(0s, 12s));
    }
    if (chance_.one_in(20)) {
        co_await be_silent(stream);
    } else {
        co_await leave(stream);
    }
}

Task<> EchoClient::exchange(MemoryStream& stream) {
    message_.resize(chance_.between(1, chance_.one_in(10) ? 6000 : 200));
    for (std::byte& byte : message_) {
        byte = static_cast<std::byte>(chance_.number());
    }
    const eddy::TimePoint begun = eddy::now();
    const bool in_time = co_await eddy::move_on_after(patience, send_and_receive(stream));
    const eddy::Duration took = eddy::now() - begun;
    if (!in_time) {
        findings_.expect(took == patience, name_ + ": a timeout was not exact");
        throw GaveUp();
    }
    echoed_ += message_.size();
    // Nothing but the wire takes time: one piece each way, each of them one delay. Through the
    // proxy there are more wires.
    const bool one_piece = !service_.splits() && message_.size() <= 200;
    if (weather_ == Weather::clear && behind_ == nullptr && one_piece) {
        findings_.expect(took == faults_.delay * 2 || drains() != drains_before_,
                         name_ + ": an echo took another time than its way");
    }
}

Task<> EchoClient::send_and_receive(MemoryStream& stream) {
    std::exception_ptr sending;
    std::exception_ptr receiving;
    co_await eddy::gather(noting(sending, send(stream)), noting(receiving, receive(stream)));
    for (const std::exception_ptr& error : {receiving, sending}) {
        if (error) {
            std::rethrow_exception(error);
        }
    }
}

Task<> EchoClient::send(MemoryStream& stream) {
    co_await stream.write_all(std::span<const std::byte>(message_));
}

Task<> EchoClient::receive(MemoryStream& stream) {
    answer_.resize(message_.size());
    std::size_t length = 0;
    while (length < answer_.size()) {
        const std::size_t more = co_await stream.read_some(std::span(answer_).subspan(length));
        if (more == 0) {
            throw eddy::BrokenResource("the connection ended in the middle of an answer");
        }
        length += more;
        const auto came = static_cast<std::ptrdiff_t>(length);
        findings_.expect(std::equal(answer_.begin(), answer_.begin() + came, message_.begin()),
                         name_ + " got other bytes than it has sent");
    }
}

/// Says nothing more; the service ends that in time, and not before.
Task<> EchoClient::be_silent(MemoryStream& stream) {
    error_is_due_ = true;
    const eddy::TimePoint begun = eddy::now();
    std::byte one{};
    std::size_t length = 0;
    try {
        length = co_await stream.read_some(std::span(&one, 1));
    } catch (const eddy::BrokenResource&) {
    }
    findings_.expect(length == 0, name_ + " got a byte that nobody has sent");
    const bool disturbed = drains() != drains_before_;
    // It has thought for twelve seconds at most before, and the last byte was on its way.
    const eddy::Duration before = 12s + (weather_ == Weather::clear ? 1s : 10s);
    const eddy::Duration took = eddy::now() - begun;
    const eddy::Duration longest = service_.silence() + service_.silence() / 4 + 1s;
    const bool stalls = weather_ == Weather::stalling || weather_ == Weather::half_open;
    findings_.expect(
        disturbed || stalls || (took >= service_.silence() - before && took <= longest),
        name_ + ": its silence was ended at another time");
}

Task<> EchoClient::leave(MemoryStream& stream) {
    switch (chance_.between(0, 5)) {
        case 0:
            stream.close();
            break;
        case 1:
            stream.close_reset();
            break;
        default: {
            co_await stream.shutdown();
            std::byte one{};
            std::size_t length = 0;
            const auto read = [](MemoryStream& from, std::byte& into) -> Task<std::size_t> {
                co_return co_await from.read_some(std::span(&into, 1));
            };
            const std::optional<std::size_t> got =
                co_await eddy::move_on_after(patience, read(stream, one));
            if (!got) {
                throw GaveUp();
            }
            length = *got;
            findings_.expect(length == 0, name_ + " got a byte after all that it has sent");
        }
    }
}

}  // namespace simulation
