// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "client.hpp"
#include "lists.hpp"
#include "resp.hpp"
#include "talk.hpp"
#include "texts.hpp"

/// Which commands there are. None of them waits: those that have to are told to the session.
namespace resp {

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
/// Those that are asked for most often come first.
inline constexpr std::array commands = {
    Command{"get", 2, 2, command::get},
    Command{"set", 3, any, command::set},
    Command{"incr", 2, 2, command::incr},
    Command{"lpush", 3, any, command::lpush},
    Command{"rpush", 3, any, command::rpush},
    Command{"lpop", 2, 2, command::lpop},
    Command{"rpop", 2, 2, command::rpop},
    Command{"blpop", 3, any, command::blpop},
    Command{"lrange", 4, 4, command::lrange},
    Command{"publish", 3, 3, command::publish},
    Command{"ping", 1, any, command::ping, Command::Heard::also},
    Command{"command", 1, any, command::nothing},
    Command{"config", 2, any, command::config},
    Command{"del", 2, any, command::del},
    Command{"echo", 2, 2, command::echo},
    Command{"exists", 2, any, command::exists},
    Command{"host:", 1, any, command::hang_up, Command::Heard::also},
    Command{"info", 1, any, command::info},
    Command{"llen", 2, 2, command::llen},
    Command{"post", 1, any, command::hang_up, Command::Heard::also},
    Command{"pttl", 2, 2, command::pttl},
    Command{"quit", 1, any, command::quit, Command::Heard::also},
    Command{"select", 2, 2, command::select},
    Command{"subscribe", 2, any, command::subscribe, Command::Heard::only},
    Command{"ttl", 2, 2, command::ttl},
    Command{"unsubscribe", 1, any, command::unsubscribe, Command::Heard::only},
};

/// The first eight letters of a name as a number, in small letters; other bytes give other numbers
/// than letters do.
[[nodiscard]] constexpr std::uint64_t letters_of(std::string_view name) noexcept {
    std::uint64_t letters = 0;
    for (const char letter : name.substr(0, 8)) {
        letters = (letters << 8U) | (static_cast<unsigned char>(letter) | 0x20U);
    }
    return letters;
}
inline constexpr auto letters_of_commands = [] {
    std::array<std::uint64_t, commands.size()> all{};
    std::ranges::transform(commands, all.begin(), letters_of, &Command::name);
    return all;
}();

/// Null for a name that is none.
[[nodiscard]] inline const Command* find_command(std::string_view name) noexcept {
    const auto place = std::ranges::find(letters_of_commands, letters_of(name));
    if (place == letters_of_commands.end()) {
        return nullptr;
    }
    const Command& command =
        commands[static_cast<std::size_t>(place - letters_of_commands.begin())];
    const bool same = command.name.size() == name.size() &&
                      (name.size() <= 8 || is(name.substr(8), command.name.substr(8)));
    return same ? &command : nullptr;
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
