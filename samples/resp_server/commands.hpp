// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <eddy/time.hpp>

#include "channels.hpp"
#include "resp.hpp"
#include "store.hpp"

/// What the commands do. None of them waits: those that have to are told to the session.
namespace resp {

/// What all connections share. Outlives the loop they run on.
struct Service {
    Store store{};
    Channels channels{};
    std::uint64_t commands = 0;
};

/// The part of a connection that commands see.
struct Client {
    Service& service;
    std::string replies{};
    std::optional<Channels::Subscriber> subscriber{};
};

/// What is to be done once a command has been looked at.
enum class Next : std::uint8_t {
    go_on,
    wait_for_item,  ///< it is a BLPOP, and has not been answered
    subscribe,      ///< it needs a subscriber, and has done nothing yet
    unsubscribe,    ///< nothing is heard any more
    quit,
};

[[nodiscard]] inline std::string lower(std::string_view text) {
    std::string small(text);
    for (char& letter : small) {
        letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
    }
    return small;
}

/// `word` in any case; `name` is in small letters.
[[nodiscard]] inline bool is(std::string_view word, std::string_view name) noexcept {
    return word.size() == name.size() &&
           std::equal(word.begin(), word.end(), name.begin(), [](char a, char b) {
               return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b;
           });
}

inline constexpr std::string_view wrong_type =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view no_number = "ERR value is not an integer or out of range";
inline constexpr std::string_view syntax_error = "ERR syntax error";

namespace command {

inline Next fail(Client& client, std::string_view error) {
    add_error(client.replies, error);
    return Next::go_on;
}
inline Next give(Client& client, std::size_t number) {
    add_number(client.replies, static_cast<std::int64_t>(number));
    return Next::go_on;
}

// --- texts -------------------------------------------------------------------------------------

inline Next get(Client& client, const Arguments& words) {
    Store::Value* const value = client.service.store.find(words[1]);
    if (value == nullptr) {
        add_nil(client.replies);
    } else if (const std::string* const text = value->text()) {
        add_bulk(client.replies, *text);
    } else {
        return fail(client, wrong_type);
    }
    return Next::go_on;
}

/// The options of SET, and what is wrong with them.
struct SetOptions {
    enum class Only : std::uint8_t { always, if_there, if_not_there };

    Only only = Only::always;
    bool keep_end = false;
    eddy::TimePoint end = eddy::never;
    std::string_view error{};

    explicit SetOptions(const Arguments& words) {
        for (std::size_t i = 3; i < words.size() && error.empty(); ++i) {
            const bool has_end = end != eddy::never;
            if ((is(words[i], "nx") || is(words[i], "xx")) && only == Only::always) {
                only = is(words[i], "nx") ? Only::if_not_there : Only::if_there;
            } else if (is(words[i], "keepttl") && !has_end) {
                keep_end = true;
            } else if ((is(words[i], "ex") || is(words[i], "px")) && i + 1 < words.size() &&
                       !has_end && !keep_end) {
                set_end(words[i + 1], is(words[i], "ex") ? 1000 : 1);
                ++i;
            } else {
                error = syntax_error;
            }
        }
    }

private:
    void set_end(std::string_view text, std::int64_t unit) {
        constexpr std::int64_t most = std::chrono::milliseconds(std::chrono::years(100)).count();
        const auto number = number_from(text);
        if (!number) {
            error = no_number;
        } else if (*number <= 0 || *number > most / unit) {
            error = "ERR invalid expire time in 'set' command";
        } else {
            end = eddy::after(eddy::now(), std::chrono::milliseconds(*number * unit));
        }
    }
};

inline Next set(Client& client, const Arguments& words) {
    Store& store = client.service.store;
    if (words.size() == 3) {
        store.set(words[1], words[2]);
        add_status(client.replies, "OK");
        return Next::go_on;
    }
    const SetOptions options(words);
    if (!options.error.empty()) {
        return fail(client, options.error);
    }
    using Only = SetOptions::Only;
    const bool there = options.only != Only::always && store.find(words[1]) != nullptr;
    if (options.only != Only::always && there != (options.only == Only::if_there)) {
        add_nil(client.replies);
        return Next::go_on;
    }
    store.set(words[1], words[2], options.keep_end);
    if (options.end != eddy::never) {
        store.set_end(words[1], options.end);
    }
    add_status(client.replies, "OK");
    return Next::go_on;
}

inline Next incr(Client& client, const Arguments& words) {
    Store::Value* const value = client.service.store.find(words[1]);
    std::optional<std::int64_t> number = 0;
    if (value != nullptr) {
        if (value->text() == nullptr) {
            return fail(client, wrong_type);
        }
        number = number_from(*value->text());
    }
    if (!number) {
        return fail(client, no_number);
    }
    if (*number == std::numeric_limits<std::int64_t>::max()) {
        return fail(client, "ERR increment or decrement would overflow");
    }
    std::array<char, 24> text;
    const char* const end = std::to_chars(text.data(), text.data() + text.size(), ++*number).ptr;
    client.service.store.set(words[1], {text.data(), end}, true);
    add_number(client.replies, *number);
    return Next::go_on;
}

// --- keys --------------------------------------------------------------------------------------

inline Next pttl_in(Client& client, const Arguments& words, std::int64_t unit) {
    const Store::Value* const value = client.service.store.find(words[1]);
    if (value == nullptr) {
        add_number(client.replies, -2);
        return Next::go_on;
    }
    const eddy::TimePoint end = client.service.store.end_of(*value);
    if (end == eddy::never) {
        add_number(client.replies, -1);
        return Next::go_on;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - eddy::now()).count();
    add_number(client.replies, (left + unit / 2) / unit);
    return Next::go_on;
}
inline Next ttl(Client& client, const Arguments& words) { return pttl_in(client, words, 1000); }
inline Next pttl(Client& client, const Arguments& words) { return pttl_in(client, words, 1); }

inline Next del(Client& client, const Arguments& words) {
    std::size_t count = 0;
    for (std::size_t i = 1; i < words.size(); ++i) {
        count += client.service.store.erase(words[i]) ? 1U : 0U;
    }
    return give(client, count);
}
inline Next exists(Client& client, const Arguments& words) {
    std::size_t count = 0;
    for (std::size_t i = 1; i < words.size(); ++i) {
        count += client.service.store.find(words[i]) != nullptr ? 1U : 0U;
    }
    return give(client, count);
}

// --- lists -------------------------------------------------------------------------------------

inline Next push(Client& client, const Arguments& words, Store::Side side) {
    Store::Items* const items = client.service.store.list_to_push(words[1]);
    if (items == nullptr) {
        return fail(client, wrong_type);
    }
    for (std::size_t i = 2; i < words.size(); ++i) {
        items->emplace(side == Store::Side::left ? items->begin() : items->end(), words[i]);
    }
    const std::size_t size = items->size();
    client.service.store.pushed(words[1]);
    return give(client, size);
}
inline Next lpush(Client& client, const Arguments& words) {
    return push(client, words, Store::Side::left);
}
inline Next rpush(Client& client, const Arguments& words) {
    return push(client, words, Store::Side::right);
}

/// True: it holds something else, and that has been said.
inline bool is_no_list(Client& client, Store::Value* value) {
    const bool wrong = value != nullptr && value->list() == nullptr;
    if (wrong) {
        add_error(client.replies, wrong_type);
    }
    return wrong;
}

/// What is taken is in the answer: a client that is gone before it has that has lost it. Who must
/// not lose anything uses BLPOP.
inline Next pop(Client& client, const Arguments& words, Store::Side side) {
    if (is_no_list(client, client.service.store.find(words[1]))) {
        return Next::go_on;
    }
    const Store::Items item = client.service.store.take(words[1], side);
    if (item.empty()) {
        add_nil(client.replies);
    } else {
        add_bulk(client.replies, item.front());
    }
    return Next::go_on;
}
inline Next lpop(Client& client, const Arguments& words) {
    return pop(client, words, Store::Side::left);
}
inline Next rpop(Client& client, const Arguments& words) {
    return pop(client, words, Store::Side::right);
}

inline Next llen(Client& client, const Arguments& words) {
    Store::Value* const value = client.service.store.find(words[1]);
    if (is_no_list(client, value)) {
        return Next::go_on;
    }
    return give(client, value == nullptr ? 0 : value->list()->size());
}

inline Next lrange(Client& client, const Arguments& words) {
    const auto first = number_from(words[2]);
    const auto last = number_from(words[3]);
    if (!first || !last) {
        return fail(client, no_number);
    }
    Store::Value* const value = client.service.store.find(words[1]);
    if (is_no_list(client, value)) {
        return Next::go_on;
    }
    const Store::Items none;
    const Store::Items& items = value == nullptr ? none : *value->list();
    const auto size = static_cast<std::int64_t>(items.size());
    const std::int64_t begin = std::max<std::int64_t>(*first < 0 ? size + *first : *first, 0);
    const std::int64_t end = std::min(*last < 0 ? size + *last : *last, size - 1) + 1;
    if (begin >= end) {
        add_array(client.replies, 0);
        return Next::go_on;
    }
    add_array(client.replies, static_cast<std::size_t>(end - begin));
    auto item = std::next(items.begin(), begin);
    for (std::int64_t i = begin; i < end; ++i, ++item) {
        add_bulk(client.replies, *item);
    }
    return Next::go_on;
}

inline Next blpop(Client&, const Arguments&) { return Next::wait_for_item; }

// --- channels ----------------------------------------------------------------------------------

inline Next publish(Client& client, const Arguments& words) {
    return give(client, client.service.channels.publish(words[1], words[2]));
}

inline void confirm(Client& client, std::string_view what, std::string_view channel) {
    add_array(client.replies, 3);
    add_bulk(client.replies, what);
    add_bulk(client.replies, channel);
    static_cast<void>(give(client, client.subscriber->names().size()));
}
inline Next subscribe(Client& client, const Arguments& words) {
    for (std::size_t i = 1; i < words.size(); ++i) {
        if (!client.subscriber->add(words[i])) {
            return fail(client, "ERR too many channels");
        }
        confirm(client, "subscribe", words[i]);
    }
    return Next::go_on;
}
inline Next unsubscribe(Client& client, const Arguments& words) {
    for (std::size_t i = 1; i < words.size(); ++i) {
        client.subscriber->remove(words[i]);
        confirm(client, "unsubscribe", words[i]);
    }
    const auto& names = client.subscriber->names();
    const bool none_to_leave = words.size() == 1 && names.empty();
    while (words.size() == 1 && !names.empty()) {
        const std::string name = *names.begin();
        client.subscriber->remove(name);
        confirm(client, "unsubscribe", name);
    }
    if (none_to_leave) {
        client.replies += "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n";
    }
    return names.empty() ? Next::unsubscribe : Next::go_on;
}

// --- what clients ask a server -----------------------------------------------------------------

inline Next ping(Client& client, const Arguments& words) {
    if (words.size() > 2) {
        return fail(client, "ERR wrong number of arguments for 'ping' command");
    }
    if (client.subscriber) {
        add_array(client.replies, 2);
        add_bulk(client.replies, "pong");
        add_bulk(client.replies, words.size() == 2 ? words[1] : std::string_view());
    } else if (words.size() == 2) {
        add_bulk(client.replies, words[1]);
    } else {
        add_status(client.replies, "PONG");
    }
    return Next::go_on;
}
inline Next echo(Client& client, const Arguments& words) {
    add_bulk(client.replies, words[1]);
    return Next::go_on;
}
inline Next select(Client& client, const Arguments& words) {
    const auto number = number_from(words[1]);
    if (number && *number == 0) {
        add_status(client.replies, "OK");
        return Next::go_on;
    }
    return fail(client, number ? "ERR DB index is out of range" : no_number);
}
/// Of what redis-benchmark asks; there is nothing to configure.
inline Next config(Client& client, const Arguments& words) {
    const bool save = words.size() == 3 && is(words[2], "save");
    const bool append = words.size() == 3 && is(words[2], "appendonly");
    if (!is(words[1], "get") || (!save && !append)) {
        add_array(client.replies, 0);
        return Next::go_on;
    }
    add_array(client.replies, 2);
    add_bulk(client.replies, save ? "save" : "appendonly");
    add_bulk(client.replies, save ? "" : "no");
    return Next::go_on;
}
inline Next nothing(Client& client, const Arguments&) {
    add_array(client.replies, 0);
    return Next::go_on;
}
inline Next info(Client& client, const Arguments&) {
    add_bulk(client.replies,
             "# Server\r\nserver_name:resp_server\r\n# Stats\r\ntotal_commands_processed:" +
                 std::to_string(client.service.commands) + "\r\n");
    return Next::go_on;
}
inline Next quit(Client& client, const Arguments&) {
    add_status(client.replies, "OK");
    return Next::quit;
}

}  // namespace command

/// A command: how it is called, and what it does.
struct Command {
    enum class Heard : std::uint8_t { no, also, only };  ///< for subscribers

    std::string_view name;
    std::size_t least;  ///< words, with its name
    std::size_t most;
    Next (*run)(Client&, const Arguments&);
    Heard subscribers = Heard::no;
};

inline constexpr std::size_t any = max_inline;  // more words than there can be
inline constexpr std::array commands = {
    Command{"blpop", 3, any, command::blpop},
    Command{"command", 1, any, command::nothing},
    Command{"config", 2, any, command::config},
    Command{"del", 2, any, command::del},
    Command{"echo", 2, 2, command::echo},
    Command{"exists", 2, any, command::exists},
    Command{"get", 2, 2, command::get},
    Command{"incr", 2, 2, command::incr},
    Command{"info", 1, any, command::info},
    Command{"llen", 2, 2, command::llen},
    Command{"lpop", 2, 2, command::lpop},
    Command{"lpush", 3, any, command::lpush},
    Command{"lrange", 4, 4, command::lrange},
    Command{"ping", 1, any, command::ping, Command::Heard::also},
    Command{"pttl", 2, 2, command::pttl},
    Command{"publish", 3, 3, command::publish},
    Command{"quit", 1, any, command::quit, Command::Heard::also},
    Command{"rpop", 2, 2, command::rpop},
    Command{"rpush", 3, any, command::rpush},
    Command{"select", 2, 2, command::select},
    Command{"set", 3, any, command::set},
    Command{"subscribe", 2, any, command::subscribe, Command::Heard::only},
    Command{"ttl", 2, 2, command::ttl},
    Command{"unsubscribe", 1, any, command::unsubscribe, Command::Heard::only},
};
static_assert(std::ranges::is_sorted(commands, {}, &Command::name));

/// Null for a name that is none.
[[nodiscard]] inline const Command* find_command(std::string_view name) noexcept {
    std::array<char, 16> small;
    if (name.size() > small.size()) {
        return nullptr;
    }
    std::transform(name.begin(), name.end(), small.begin(), [](char letter) {
        return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
    });
    const std::string_view wanted(small.data(), name.size());
    const auto place = std::ranges::lower_bound(commands, wanted, {}, &Command::name);
    return place != commands.end() && place->name == wanted ? &*place : nullptr;
}

/// What Redis says to it, with what could break the line taken out.
[[nodiscard]] inline std::string unknown(const Arguments& words) {
    std::string text = "ERR unknown command '" + std::string(words[0].substr(0, 128)) +
                       "', with args beginning with: ";
    std::string rest;
    for (std::size_t i = 1; i < words.size() && rest.size() < 128; ++i) {
        rest += "'" + std::string(words[i].substr(0, 128 - rest.size())) + "' ";
    }
    text += rest;
    std::ranges::replace_if(
        text, [](char letter) { return letter == '\r' || letter == '\n'; }, ' ');
    return text;
}

/// One request, which has a word at least.
[[nodiscard]] inline Next execute(Client& client, const Arguments& words) {
    const Command* const command = find_command(words[0]);
    if (command == nullptr) {
        return command::fail(client, unknown(words));
    }
    if (words.size() < command->least || words.size() > command->most) {
        return command::fail(
            client,
            "ERR wrong number of arguments for '" + std::string(command->name) + "' command");
    }
    if (client.subscriber && command->subscribers == Command::Heard::no) {
        return command::fail(client,
                             "ERR Can't execute '" + std::string(command->name) +
                                 "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
                                 "are allowed in this context");
    }
    if (!client.subscriber && command->subscribers == Command::Heard::only) {
        return Next::subscribe;
    }
    return command->run(client, words);
}

}  // namespace resp
