// SPDX-License-Identifier: MIT
#include "resp_client.hpp"

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/sleep.hpp>
#include <eddy/with_scope.hpp>

#include "resp_server/resp.hpp"

namespace simulation {

using namespace std::chrono_literals;

namespace {

/// Less than the service's limit on silence, more than the slowest wire takes.
constexpr eddy::Duration patience = 45s;

struct GaveUp final : std::runtime_error {
    GaveUp() : std::runtime_error("gave up waiting") {}
};

}  // namespace

RespClient::RespClient(std::string name,
                       Chance chance,
                       Network& network,
                       Service& service,
                       ItemLedger& ledger,
                       Findings& findings)
    : name_(std::move(name)),
      chance_(chance),
      network_(network),
      service_(service),
      ledger_(ledger),
      findings_(findings) {}

Task<> RespClient::session() {
    weather_ = some_weather(chance_);
    faults_ = faults_of(weather_, chance_);
    drains_before_ = service_.drains();
    error_is_due_ = !service_.up();
    std::optional<Line> line;
    try {
        line.emplace(network_.connect(service_, faults_));
    } catch (const eddy::BrokenResource&) {
        findings_.expect(error_is_due_, name_ + " was refused by a service that is up");
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
                         service_.drains() != drains_before_;
        findings_.expect(due, name_ + " got an error that it was not due: " + error);
    }
    findings_.happened(name_ + " ends: " + error, line->report->there + line->report->back);
}

Task<> RespClient::talk(MemoryStream& stream) {
    Reader reader(stream);
    requests_.clear();
    co_await greet(stream, reader);
    const std::uint64_t rounds = chance_.between(1, 12);
    for (std::uint64_t i = 0; i < rounds; ++i) {
        switch (chance_.between(0, 6)) {
            case 0:
                co_await count(stream, reader);
                break;
            case 1:
                co_await pipeline(stream, reader);
                break;
            case 2:
            case 3:
                co_await push(stream, reader);
                break;
            default:
                co_await pop(stream, reader);
        }
        co_await eddy::sleep_for(chance_.between(0s, 8s));
    }
    if (chance_.one_in(20)) {
        co_await talk_nonsense(stream, reader);
    } else {
        co_await leave(stream, reader);
    }
}

/// So that the wire knows whose it is.
Task<> RespClient::greet(MemoryStream& stream, Reader& reader) {
    number_ = ledger_.begin_session();
    const std::string text = ItemLedger::text_of_session(number_);
    resp::add_request(requests_, {"ECHO", text});
    co_await send(stream);
    const resp::Reply echoed = co_await reply(reader);
    findings_.expect(echoed.text == text, name_ + " was echoed something else");
}

Task<> RespClient::push(MemoryStream& stream, Reader& reader) {
    const std::uint64_t count = chance_.between(1, 3);
    std::vector<std::size_t> items;
    std::vector<std::string> words{chance_.one_in(2) ? "LPUSH" : "RPUSH",
                                   ItemLedger::key(chance_.between(0, ItemLedger::keys - 1))};
    for (std::uint64_t i = 0; i < count; ++i) {
        items.push_back(ledger_.make_item());
        words.push_back(ItemLedger::text_of(items.back()));
    }
    resp::add_request(requests_, words);
    co_await send(stream);
    const resp::Reply answer = co_await reply(reader);
    findings_.expect(answer.kind == ':', name_ + " got another answer to a push: " + answer.text);
    for (const std::size_t item : items) {
        ledger_.pushed(item);
    }
}

void RespClient::ask_for_item(eddy::Duration timeout) {
    std::vector<std::string> words{"BLPOP"};
    const std::uint64_t count = chance_.between(1, 3);
    const std::uint64_t first = chance_.between(0, ItemLedger::keys - 1);
    for (std::uint64_t i = 0; i < count; ++i) {
        words.push_back(ItemLedger::key((first + i) % ItemLedger::keys));
    }
    const auto milliseconds = timeout / 1ms;
    words.push_back(std::to_string(milliseconds / 1000) + "." +
                    std::to_string(milliseconds % 1000 + 1000).substr(1));
    resp::add_request(requests_, words);
}

void RespClient::check_popped(const resp::Reply& reply) {
    findings_.expect(reply.kind == '0' || (reply.kind == '*' && reply.words.size() == 2),
                     name_ + " got another answer to a pop: " + reply.text);
    if (reply.words.size() == 2) {
        ++pops_;
        ledger_.received(reply.words[1]);
    }
}

Task<> RespClient::pop(MemoryStream& stream, Reader& reader) {
    const eddy::Duration timeout = chance_.between(1, 200) * 100ms;
    ask_for_item(timeout);
    const eddy::TimePoint begun = eddy::now();
    co_await send(stream);
    const resp::Reply answer = co_await reply(reader);
    check_popped(answer);
    const eddy::Duration took = eddy::now() - begun;
    const bool undisturbed = service_.drains() == drains_before_ && service_.up();
    if (answer.kind == '0' && undisturbed) {
        findings_.expect(took >= timeout, name_ + ": a pop gave up too early");
        if (weather_ == Weather::clear && !service_.splits()) {
            findings_.expect(took == timeout + faults_.delay * 2,
                             name_ + ": a timeout of a pop was not exact");
        }
    }
}

/// A key that nobody else knows: it counts what was answered, and perhaps one more each time that
/// an answer was lost.
Task<> RespClient::count(MemoryStream& stream, Reader& reader) {
    resp::add_request(requests_, {"INCR", "count:" + name_});
    const bool unsure = std::exchange(counting_, true);
    co_await send(stream);
    const resp::Reply answer = co_await reply(reader);
    counting_ = false;
    const auto number = resp::number_from(answer.text).value_or(0);
    findings_.expect(number == counted_ + 1 || (unsure && number > counted_),
                     name_ + " has counted something else: " + answer.text);
    counted_ = number;
}

/// Many at once, one of which waits; the answers come in their order.
Task<> RespClient::pipeline(MemoryStream& stream, Reader& reader) {
    const std::string value(chance_.between(0, 300), 'v');
    const std::size_t item = ledger_.make_item();
    resp::add_request(requests_, {"SET", "text:" + name_, value, "EX", "60"});
    ask_for_item(chance_.between(1, 20) * 100ms);
    resp::add_request(requests_, {"RPUSH", ItemLedger::key(0), ItemLedger::text_of(item)});
    resp::add_request(requests_, {"GET", "text:" + name_});
    resp::add_request(requests_, {"PING"});
    co_await send(stream);
    const resp::Reply set = co_await reply(reader);
    findings_.expect(set.text == "OK", name_ + " could not set: " + set.text);
    const resp::Reply popped = co_await reply(reader);
    check_popped(popped);
    const resp::Reply pushed = co_await reply(reader);
    findings_.expect(pushed.kind == ':', name_ + " could not push: " + pushed.text);
    ledger_.pushed(item);
    const resp::Reply got = co_await reply(reader);
    findings_.expect(got.text == value, name_ + " got another text: " + got.text);
    const resp::Reply pong = co_await reply(reader);
    findings_.expect(pong.text == "PONG", name_ + " got no pong: " + pong.text);
}

/// What comes before is answered; then it is told, and let go.
Task<> RespClient::talk_nonsense(MemoryStream& stream, Reader& reader) {
    resp::add_request(requests_, {"PING"});
    requests_ += chance_.one_in(2) ? "*1000000000\r\n" : "*2\r\n$4\r\nECHO\r\n$x\r\n";
    co_await send(stream);
    const resp::Reply pong = co_await reply(reader);
    findings_.expect(pong.text == "PONG", name_ + " got no pong: " + pong.text);
    const resp::Reply error = co_await reply(reader);
    findings_.expect(error.text.starts_with("ERR Protocol error"),
                     name_ + " got no error: " + error.text);
    co_await read_to_the_end(reader);
}

Task<> RespClient::leave(MemoryStream& stream, Reader& reader) {
    if (chance_.one_in(2)) {
        ask_for_item(chance_.between(1, 200) * 100ms);  // and does not wait for it
        co_await send(stream);
        co_await eddy::sleep_for(chance_.between(0ms, 500ms));
    }
    switch (chance_.between(0, 4)) {
        case 0:
            stream.close();
            break;
        case 1:
            stream.close_reset();
            break;
        case 2:
            resp::add_request(requests_, {"QUIT"});
            co_await send(stream);
            co_await read_to_the_end(reader);
            break;
        default:
            co_await stream.shutdown();
            co_await read_to_the_end(reader);
    }
}

Task<> RespClient::read_to_the_end(Reader& reader) {
    while (true) {
        const auto more = [](Reader& from) -> Task<std::size_t> {
            const auto bytes = co_await from.peek();
            co_return bytes.size();
        };
        const auto size = co_await eddy::move_on_after(patience, more(reader));
        if (!size) {
            throw GaveUp();
        }
        if (*size == 0) {
            break;
        }
        const resp::Reply last = co_await reply(reader);
        if (last.kind == '*') {
            check_popped(last);
        }
    }
    ledger_.read_all(number_);
}

/// All at once, or in two pieces.
Task<> RespClient::send(MemoryStream& stream) {
    const std::string text = std::exchange(requests_, {});
    const std::string_view all = text;
    const bool cuts = weather_ != Weather::clear && chance_.one_in(3);
    const std::size_t cut = cuts ? chance_.between(0, all.size()) : 0;
    co_await stream.write_all(all.substr(0, cut));
    if (cuts) {
        co_await eddy::sleep_for(chance_.between(0ms, 300ms));
    }
    co_await stream.write_all(all.substr(cut));
}

Task<resp::Reply> RespClient::reply(Reader& reader) {
    auto answer = co_await eddy::move_on_after(patience, resp::read_reply(reader));
    if (!answer) {
        throw GaveUp();
    }
    co_return std::move(*answer);
}

}  // namespace simulation
