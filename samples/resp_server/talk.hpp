// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client.hpp"
#include "resp.hpp"

/// Commands for channels, and what clients ask a server.
namespace resp::command {

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
        if (client.replies.size() >= enough_replies) {
            return Next::again;
        }
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
    if (!is(words[1], "get")) {
        return fail(client, "ERR there is nothing to configure");
    }
    const bool save = words.size() == 3 && is(words[2], "save");
    const bool append = words.size() == 3 && is(words[2], "appendonly");
    if (!save && !append) {
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
             "# Clients\r\nblocked_clients:" + std::to_string(client.service.blocked) +
                 "\r\n# Stats\r\ntotal_commands_processed:" +
                 std::to_string(client.service.commands) + "\r\n");
    return Next::go_on;
}
/// It speaks HTTP: a page in somebody's browser has made it send what follows.
inline Next hang_up(Client&, const Arguments&) { return Next::quit; }
inline Next quit(Client& client, const Arguments&) {
    add_status(client.replies, "OK");
    return Next::quit;
}

}  // namespace resp::command
