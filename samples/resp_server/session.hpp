// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/buffered_writer.hpp>
#include <eddy/net/close_gracefully.hpp>
#include <eddy/net/outbox.hpp>
#include <eddy/net/peer_watch.hpp>
#include <eddy/net/server.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/time.hpp>
#include <eddy/yield.hpp>

#include "client.hpp"
#include "commands.hpp"
#include "lists.hpp"
#include "resp.hpp"
#include "store.hpp"

namespace resp {

/// Counts one as long as it waits.
class Blocked {
public:
    explicit Blocked(Service& service) noexcept : service_(service) { ++service_.blocked; }
    Blocked(const Blocked&) = delete;
    Blocked& operator=(const Blocked&) = delete;
    ~Blocked() { --service_.blocked; }

private:
    Service& service_;
};

/// The timeout of a BLPOP: in seconds, with a fraction; zero is for ever. Empty: that is none.
[[nodiscard]] inline std::optional<double> timeout_from(std::string_view text) noexcept {
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    const bool good = error == std::errc() && end == text.data() + text.size();
    return good && !std::isnan(seconds) ? std::optional(seconds) : std::nullopt;
}

/// One connection, from its first request to its end.
template <eddy::Stream S>
class Session {
    /// Items that are walked over before others have a turn.
    static constexpr std::size_t enough_work = 20'000;
    /// A client that waits for an item may say so much behind that, and then is ended: what it says
    /// is read, for its end comes behind it.
    static constexpr std::size_t most_ahead = max_request + max_header;
    /// A subscriber may be so far behind: a few of the longest messages, or many short ones.
    static constexpr eddy::OutboxOptions outbox_bounds{.max_bytes = 4 * max_request,
                                                       .max_messages = 16 * 1024};

public:
    Session(S stream, Service& service, eddy::Server& server)
        : server_(server),
          stream_(std::move(stream)),
          reader_(stream_),
          writer_(stream_),
          client_{service} {}

    /// Answers until the peer ends its side or says QUIT, or the server drains: then everything
    /// that was read is answered still.
    [[nodiscard]] eddy::Task<> run() {
        Next next = Next::go_on;
        while (next != Next::quit) {
            if (server_.draining() && reader_.buffered() < parser_.wanted()) {
                break;  // also if the peer never stops sending
            }
            const std::size_t wanted = parser_.wanted();
            const auto got = co_await eddy::select(reader_.peek(wanted, max_request + max_header),
                                                   server_.wait_draining());
            const auto* const bytes = std::get_if<0>(&got);
            if (bytes == nullptr || bytes->size() < wanted) {
                break;
            }
            next = answer({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
            const bool sent = !outbox_ && writer_.try_write(client_.replies);
            if (sent) {  // nearly always
                forget_replies();
            } else {
                co_await send_replies();
            }
            if (client_.work >= enough_work) {
                co_await eddy::yield();
            }
            if (next == Next::wait_for_item) {
                next = co_await wait_for_item();
                finish_request();
                co_await send_replies();
            } else if (next == Next::subscribe) {
                co_await writer_.flush();  // one of the two writes, never both
                outbox_.emplace(stream_, outbox_bounds);
                may_be_silent(true);
                client_.subscriber.emplace(client_.service.channels, *outbox_);
            } else if (next == Next::unsubscribe) {
                co_await drop_outbox();
            }
        }
        co_await send_replies();
        co_await drop_outbox();
        co_await writer_.flush();
        co_await eddy::close_gracefully(stream_);
    }

private:
    /// Answers the requests that are complete, up to one that has to wait: that stays.
    [[nodiscard]] Next answer(std::string_view bytes) {
        std::string_view rest = bytes;
        Next next = Next::go_on;
        client_.work = 0;
        while (next == Next::go_on && client_.replies.size() < enough_replies &&
               client_.work < enough_work) {
            const Parser::Result result = parser_.parse(rest);
            if (result == Parser::incomplete) {
                break;
            }
            if (result == Parser::invalid) {
                add_error(client_.replies, parser_.error());
                next = Next::quit;
                break;
            }
            request_ = rest;
            const Arguments words = parser_.arguments(rest);
            next = words.size() != 0 ? execute(client_, words) : Next::go_on;
            if (next == Next::wait_for_item || next == Next::subscribe || next == Next::again) {
                break;
            }
            rest.remove_prefix(parser_.length());
            parser_.next();
            ++client_.service.commands;
        }
        reader_.consume(bytes.size() - rest.size());
        return next;
    }
    void finish_request() {
        reader_.consume(parser_.length());
        parser_.next();
        ++client_.service.commands;
    }

    /// To the writer, which sends all of a turn at once, and whose limit stops who does not read;
    /// of a subscriber behind what was published, and who asks too much has to read it first.
    [[nodiscard]] eddy::Task<> send_replies() {
        if (outbox_ && !client_.replies.empty()) {
            outbox_->send(std::exchange(client_.replies, {}));
            if (outbox_->statistics().bytes > enough_replies) {
                co_await outbox_->flush();
            }
        } else if (!client_.replies.empty()) {
            co_await writer_.write(client_.replies);
            forget_replies();
        }
    }
    /// Keeps no more memory than usual answers need.
    void forget_replies() noexcept {
        if (client_.replies.capacity() > enough_replies / 4) {
            std::string().swap(client_.replies);
        }
        client_.replies.clear();
    }
    /// Who waits for us alone is not held to the limit on silence.
    void may_be_silent(bool may) {
        if constexpr (eddy::PeerWatched<S>) {
            stream_.peer_watch().may_be_silent(may);
        }
    }
    [[nodiscard]] eddy::Task<> drop_outbox() {
        client_.subscriber.reset();
        if (outbox_) {
            may_be_silent(false);
            co_await outbox_->flush();
            outbox_.reset();
        }
    }

    /// BLPOP. Before it waits, and before it takes anything, all answers before it are sent.
    ///
    /// What the system has taken for the peer is the peer's. Until then the item is ours: a client
    /// that hangs up, times out or is cancelled first has taken nothing.
    [[nodiscard]] eddy::Task<Next> wait_for_item() {
        Store& store = client_.service.store;
        co_await writer_.flush();
        const Arguments words = parser_.arguments(request_);
        std::vector<std::string> keys;  // copies: what it says meanwhile moves the words
        for (std::size_t i = 1; i + 1 < words.size(); ++i) {
            keys.emplace_back(words[i]);
        }
        const eddy::TimePoint end = end_of_wait(words[words.size() - 1]);
        if (!client_.replies.empty() || is_refused(keys)) {
            co_return Next::go_on;
        }
        std::optional<Blocked> blocked(client_.service);
        may_be_silent(true);
        const auto pop = [&store](const std::string& key) { return store.pop(key); };
        auto first_of_all = eddy::select(keys, pop);
        auto got = co_await eddy::select(first_of_all,
                                         eddy::sleep_until(end),
                                         stream_.wait_hang_up(),
                                         reader_.peek(most_ahead, most_ahead),
                                         server_.wait_draining());
        may_be_silent(false);
        blocked.reset();
        if (auto* const popped = std::get_if<0>(&got)) {
            Store::Loan& item = popped->value;
            std::string reply;
            add_array(reply, 2);
            add_bulk(reply, item.key());
            add_bulk(reply, item.text());
            co_await stream_.write_all(std::string_view(reply));
            item.kept();
            co_return Next::go_on;
        }
        if (got.index() == 2 || got.index() == 3) {
            co_return Next::quit;  // nobody listens any more, or says too much
        }
        add_nil_array(client_.replies);
        co_return Next::go_on;
    }
    /// Says what is wrong, if something is.
    [[nodiscard]] eddy::TimePoint end_of_wait(std::string_view text) {
        const auto seconds = timeout_from(text);
        if (!seconds) {
            add_error(client_.replies, "ERR timeout is not a float or out of range");
        } else if (*seconds > 9e15) {  // more milliseconds than Redis can count
            add_error(client_.replies, "ERR timeout is out of range");
        } else if (*seconds < 0) {
            add_error(client_.replies, "ERR timeout is negative");
        } else if (*seconds > 0 && *seconds < 1e9) {
            return eddy::after(
                eddy::now(),
                std::chrono::round<eddy::Duration>(std::chrono::duration<double>(*seconds)));
        }
        return eddy::never;
    }
    /// The first key that is there holds no list.
    [[nodiscard]] bool is_refused(const std::vector<std::string>& keys) {
        for (const std::string& key : keys) {
            Store::Value* const value = client_.service.store.find(key);
            if (value != nullptr) {
                return command::is_no_list(client_, value);
            }
        }
        return false;
    }

    eddy::Server& server_;
    S stream_;
    eddy::BufferedReader<S> reader_;
    eddy::BufferedWriter<S> writer_;
    std::optional<eddy::StreamOutbox<S>> outbox_;
    Client client_;  // whose subscriber refers to the outbox
    Parser parser_;
    std::string_view request_;  // the last one that was complete, and what is behind it
};

/// What a server does for each connection.
template <eddy::Stream S>
eddy::Task<> serve_client(S stream, Service& service, eddy::Server& server) {
    Session<S> session(std::move(stream), service, server);
    try {
        co_await session.run();
    } catch (const eddy::ClosedResource&) {  // a subscriber too slow: its outbox tore the stream
    } catch (const eddy::LimitExceeded&) {   // and says so to who waits for it
    }
}

}  // namespace resp
