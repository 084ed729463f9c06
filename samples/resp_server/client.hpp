// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "channels.hpp"
#include "resp.hpp"
#include "store.hpp"

namespace resp {

/// What all connections share. Outlives the loop they run on.
struct Service {
    Store store{};
    Channels channels{};
    std::uint64_t commands = 0;  ///< that were answered
    std::size_t blocked = 0;     ///< clients that wait in BLPOP
};

/// So much is answered before the peer has to take it.
inline constexpr std::size_t enough_replies = 64UL * 1024;

/// The part of a connection that commands see.
struct Client {
    Service& service;
    std::string replies{};
    std::size_t work = 0;  ///< items that were walked over for the last answers
    std::optional<Channels::Subscriber> subscriber{};
};

/// What is to be done once a command has been looked at.
enum class Next : std::uint8_t {
    go_on,
    wait_for_item,  ///< it is a BLPOP, and has not been answered
    subscribe,      ///< it needs a subscriber, and has done nothing yet
    unsubscribe,    ///< nothing is heard any more
    again,          ///< there is more to say to it, when this has been sent
    quit,
};

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

/// Commands are functions like these: they add the answer, and say what is next.
namespace command {

inline Next fail(Client& client, std::string_view error) {
    add_error(client.replies, error);
    return Next::go_on;
}
inline Next give(Client& client, std::size_t number) {
    add_number(client.replies, static_cast<std::int64_t>(number));
    return Next::go_on;
}

}  // namespace command

}  // namespace resp
