// SPDX-License-Identifier: MIT
#include "chat_client.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/sleep.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "chat_limits.hpp"

namespace simulation {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view question = "your name? ";

}  // namespace

ChatClient::ChatClient(std::string name,
                       Chance chance,
                       Network& network,
                       Service& service,
                       RoomLog& log,
                       Findings& findings)
    : name_(std::move(name)),
      chance_(chance),
      network_(network),
      service_(service),
      log_(log),
      findings_(findings) {}

Task<> ChatClient::session() {
    manner_ = chance_.one_in(8) ? static_cast<Manner>(chance_.between(1, 4)) : Manner::good;
    weather_ = manner_ == Manner::good ? some_weather(chance_) : fair_weather(chance_);
    faults_ = faults_of(weather_, chance_);
    drains_before_ = service_.drains();
    first_line_ = log_.next();
    floods_before_ = log_.floods();
    may_be_too_slow_ = log_.flooding();
    leaving_ = false;
    said_ = heard_of_own_ = 0;
    seen_.clear();
    const bool was_up = service_.up();
    error_is_due_ = !was_up;  // it drains: who comes now may be accepted no more
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
        co_await visit(line->stream);
    } catch (const std::exception& failure) {
        error = failure.what();
    }
    co_await eddy::sleep_for(1ms);  // the log has it all by now
    may_be_too_slow_ = may_be_too_slow_ || log_.floods() != floods_before_;
    const bool due = manner_ != Manner::good || line->report->reset || line->report->stalled ||
                     service_.drains() != drains_before_ || error_is_due_ || may_be_too_slow_;
    if (!error.empty()) {
        ++errors_;
        // When it has said that it leaves, the room stops in the middle of a line.
        findings_.expect(due || leaving_, name_ + " got an error that it was not due: " + error);
    } else if (!due) {
        findings_.expect(said_ == heard_of_own_, name_ + " has not heard all that it said itself");
    }
    findings_.expect(log_.contains(first_line_, seen_),
                     name_ + " has not seen what was said, in its order");
    lines_seen_ += seen_.size();
    findings_.happened(name_ + " leaves: " + error, seen_.size());
}

Task<> ChatClient::visit(MemoryStream& stream) {
    switch (manner_) {
        case Manner::mute:
            co_await be_mute(stream);
            break;
        case Manner::nameless:
            co_await be_nameless(stream);
            break;
        case Manner::deaf:
            co_await be_deaf(stream);
            break;
        case Manner::good:
        case Manner::flooding:
            co_await take_part(stream);
            break;
    }
}

Task<> ChatClient::read_to_the_end(MemoryStream& stream) {
    std::array<std::byte, 1024> buffer{};
    while (true) {
        const std::size_t length = co_await stream.read_some(buffer);
        if (length == 0) {
            break;
        }
    }
}

/// Gives no name; is shown the door when its time is over, to the nanosecond.
Task<> ChatClient::be_mute(MemoryStream& stream) {
    const eddy::TimePoint begun = eddy::now();
    try {
        co_await read_to_the_end(stream);
    } catch (const eddy::BrokenResource&) {
    }
    ++dropped_;
    const bool drained = error_is_due_ || service_.drains() != drains_before_;
    findings_.expect(eddy::now() - begun == chat_prompt || drained,
                     name_ + ": the prompt was ended at another time");
}

/// An empty name is none.
Task<> ChatClient::be_nameless(MemoryStream& stream) {
    co_await stream.write_all(std::string_view("\n"));
    const eddy::TimePoint begun = eddy::now();
    co_await read_to_the_end(stream);
    ++dropped_;
    findings_.expect(eddy::now() - begun < chat_prompt,
                     name_ + " was not told that it has no name");
}

/// Takes nothing: the server is to lose its patience.
Task<> ChatClient::be_deaf(MemoryStream& stream) {
    co_await stream.write_all(std::string_view(name_ + "\n"));
    co_await eddy::sleep_for(5min);
    try {
        const bool was_dropped = co_await eddy::move_on_after(30s, read_to_the_end(stream));
        static_cast<void>(was_dropped);  // not by a room in which little is said
    } catch (const eddy::BrokenResource&) {
        ++dropped_;
    }
}

Task<> ChatClient::take_part(MemoryStream& stream) {
    struct Flood {
        explicit Flood(RoomLog& l) : log(l) { log.flood_begins(); }
        Flood(const Flood&) = delete;
        Flood& operator=(const Flood&) = delete;
        ~Flood() { log.flood_ends(); }
        RoomLog& log;
    };
    std::optional<Flood> flood;
    if (manner_ == Manner::flooding) {
        flood.emplace(log_);
    }
    Reader reader(stream);
    co_await stream.write_all(std::string_view(name_ + "\n"));
    const auto body = [&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(speak(stream, group));
        co_await listen(reader, group);
    };
    const bool in_time = co_await eddy::move_on_after(15min, eddy::with_task_group(body));
    const bool due = weather_ == Weather::half_open;
    findings_.expect(in_time || due, name_ + ": the room has not let it go");
}

Task<> ChatClient::listen(Reader& reader, eddy::TaskGroup& group) {
    const std::string own = name_ + ": ";
    bool first = true;
    while (true) {
        const auto line = co_await reader.read_line(2048);
        if (!line) {
            break;
        }
        std::string text(*line);
        if (std::exchange(first, false)) {
            findings_.expect(text.starts_with(question), name_ + " was not asked for its name");
            text.erase(0, question.size());
            if (text.starts_with("this name is taken") || text.empty()) {
                // It came back before the server had seen that it was gone; or it has left at once.
                break;
            }
        }
        heard_of_own_ += text.starts_with(own) ? 1U : 0U;
        seen_.push_back(text + "\n");
    }
    dropped_ += leaving_ ? 0U : 1U;
    group.cancel("the room has ended");
}

Task<> ChatClient::speak(MemoryStream& stream, eddy::TaskGroup& group) {
    const std::uint64_t lines = chance_.between(0, 12);
    for (std::uint64_t i = 0; i < lines; ++i) {
        co_await eddy::sleep_for(chance_.between(1s, 40s));
        // A flood is more than the room keeps for anybody.
        const bool flood = manner_ == Manner::flooding && i == 0;
        const std::uint64_t burst = flood ? 1500 : 1;
        for (std::uint64_t k = 0; k < burst; ++k) {
            const std::string text = std::to_string(said_) + " of " + std::to_string(lines) + "\n";
            co_await stream.write_all(std::string_view(text));
            ++said_;
        }
    }
    // Until its last word has come back: a minute is enough for every wire that works.
    const eddy::TimePoint until = eddy::after(eddy::now(), 60s);
    while (heard_of_own_ < said_ && eddy::now() < until) {
        co_await eddy::sleep_for(500ms);
    }
    leaving_ = true;
    if (chance_.one_in(4)) {
        group.cancel("it hangs up");
    } else {
        co_await stream.shutdown();
    }
}

}  // namespace simulation
