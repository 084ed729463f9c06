// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <eddy/time.hpp>

#include "client.hpp"
#include "resp.hpp"
#include "store.hpp"

/// Commands for texts, and for keys of any kind.
namespace resp::command {

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
        std::optional<std::string_view> time;
        std::int64_t unit = 0;
        for (std::size_t i = 3; i < words.size(); ++i) {
            const bool seconds = is(words[i], "ex");
            if (is(words[i], "nx") && only != Only::if_there) {
                only = Only::if_not_there;
            } else if (is(words[i], "xx") && only != Only::if_not_there) {
                only = Only::if_there;
            } else if (is(words[i], "keepttl") && !time) {
                keep_end = true;
            } else if ((seconds || is(words[i], "px")) && i + 1 < words.size() && !keep_end &&
                       (!time || unit == (seconds ? 1000 : 1))) {
                time = words[++i];
                unit = seconds ? 1000 : 1;
            } else {
                error = syntax_error;
                return;
            }
        }
        if (time) {
            set_end(*time, unit);
        }
    }

private:
    /// What has longer than a hundred years has a hundred years.
    void set_end(std::string_view text, std::int64_t unit) {
        constexpr std::int64_t most = std::chrono::milliseconds(std::chrono::years(100)).count();
        const auto number = number_from(text);
        if (!number) {
            error = no_number;
        } else if (*number <= 0 || *number > std::numeric_limits<std::int64_t>::max() / unit) {
            error = "ERR invalid expire time in 'set' command";
        } else {
            end =
                eddy::after(eddy::now(), std::chrono::milliseconds(std::min(*number * unit, most)));
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

}  // namespace resp::command
