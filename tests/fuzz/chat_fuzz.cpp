// SPDX-License-Identifier: MIT
// The service of the chat sample, among clients in memory that send anything in any pieces.
//
// Laws:
// - a client is asked for its name first, and then told that it cannot have it, and let go, or gets
//   lines; what it gets is a beginning of such, and without control characters, whatever others
//   have sent;
// - each line is of one who is here: "* NAME is here", "* NAME has left", or "NAME: ...", with a
//   name of 1 to 32 bytes; nobody is here twice, speaks or leaves who is not here;
// - when the server has drained, nobody is in the room.
//
// Mistakes: raw_line two_of_a_name
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include <eddy/net/serve.hpp>
#include <eddy/run.hpp>
#include <eddy/set_log.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "../../samples/chat_room.hpp"
#include "../../samples/printable.hpp"
#include "fuzz.hpp"
#include "pieces.hpp"

namespace {

using eddy::Task;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;
using eddy::testing::MemoryStream;

constexpr std::string_view question = "your name? ";
constexpr std::string_view refusal = "this name is taken, or none\n";

struct Client {
    MemoryStream stream;
    Bytes script;
    std::string heard = {};
    bool reads_slowly = false;
};

Task<> says(Client& client) {
    try {
        while (!client.script.empty()) {
            const std::uint8_t how = client.script.take_u8();
            const auto bytes = client.script.take(how % 16U);
            co_await client.stream.write_all(std::as_bytes(bytes));
            if ((how & 64U) != 0) {
                co_await client.stream.write_all(std::string_view("\n"));
            }
            if ((how & 128U) != 0) {
                co_await eddy::sleep_for(std::chrono::milliseconds(how % 64 * 50));
            }
        }
        co_await client.stream.shutdown();
    } catch (const std::exception&) {  // it has been let go
    }
}

Task<> hears(Client& client) {
    std::array<std::byte, 256> buffer{};
    try {
        while (true) {
            const std::size_t length = co_await client.stream.read_some(buffer);
            if (length == 0) {
                break;
            }
            client.heard += eddy::fuzz::as_text(std::span(buffer).first(length));
            if (client.reads_slowly) {
                co_await eddy::sleep_for(std::chrono::seconds(2));
            }
        }
    } catch (const std::exception&) {  // it was reset
    }
    client.stream.close();
}

/// One line of the room, for somebody who knows who is here, as far as it has heard.
void check_line(std::string_view line, std::set<std::string, std::less<>>& here, bool& first) {
    FUZZ_REQUIRE(printable(line) == (planted("raw_line") ? std::string(line) + ' ' : line));
    constexpr std::string_view arrival = " is here";
    constexpr std::string_view departure = " has left";
    const auto is_name = [](std::string_view name) { return !name.empty() && name.size() <= 32; };
    if (line.starts_with("* ") && line.ends_with(arrival)) {
        const std::string_view name = line.substr(2, line.size() - 2 - arrival.size());
        // A name may look like a line: then there are two ways to read it.
        const bool added = is_name(name) && here.emplace(name).second;
        FUZZ_REQUIRE((added && !planted("two_of_a_name")) || line.find(": ") != line.npos);
        first = false;
        return;
    }
    FUZZ_REQUIRE(!first);  // the first that one hears is that one is here
    if (line.starts_with("* ") && line.ends_with(departure)) {
        const std::string_view name = line.substr(2, line.size() - 2 - departure.size());
        const auto found = here.find(name);
        if (found != here.end()) {
            here.erase(found);
            return;
        }
        FUZZ_REQUIRE(is_name(name) || line.find(": ") != line.npos);
        return;  // was here before us
    }
    FUZZ_REQUIRE(line.find(": ", 1) != line.npos);  // behind a name
}

void check(std::string_view heard) {
    if (heard.size() <= question.size()) {
        FUZZ_REQUIRE(question.starts_with(heard));
        return;
    }
    FUZZ_REQUIRE(heard.starts_with(question));
    heard.remove_prefix(question.size());
    if (refusal.starts_with(heard)) {
        return;
    }
    std::set<std::string, std::less<>> here;
    bool first = true;
    while (!heard.empty()) {
        const std::size_t end = heard.find('\n');
        if (end == std::string_view::npos) {
            FUZZ_REQUIRE(printable(heard).size() + 3 >= heard.size());  // cut anywhere
            break;
        }
        check_line(heard.substr(0, end), here, first);
        heard.remove_prefix(end + 1);
    }
}

Task<> meet(Bytes& input) {
    const std::uint8_t how = input.take_u8();
    chat_room::Room room{.patience = std::chrono::seconds(5), .prompt = std::chrono::seconds(10)};
    eddy::Server server({.max_connections = 3,
                         .drain = std::chrono::seconds(2),
                         .silence = std::chrono::minutes(10)});
    eddy::testing::MemoryListener listener({.capacity = 1U + how});
    std::deque<Client> clients;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(eddy::serve(
            server, listener, chat_room::chat<MemoryStream>, std::ref(room), std::ref(server)));
        for (std::size_t i = 0; i < 1U + how % 4U; ++i) {
            Bytes script = eddy::fuzz::part(input, input.take_u8());
            Client& client = clients.emplace_back(Client{listener.connect(), script});
            client.reads_slowly = script.size() % 8 == 7;
            group.spawn(says(client));
            group.spawn(hears(client));
            if (i % 2 == 1) {
                co_await eddy::sleep_for(std::chrono::milliseconds(how));
            }
        }
        co_await eddy::sleep_for(std::chrono::seconds(how % 32));
        server.drain();
    });
    FUZZ_REQUIRE(room.members.empty());
    for (const Client& client : clients) {
        check(client.heard);
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Handlers that fail, for lines that are too long or names that do not come, are logged.
    eddy::set_log([](eddy::LogLevel, std::string_view) noexcept {});
    Bytes input(data, size);
    eddy::testing::VirtualClock clock;
    eddy::run(meet(input), {}, {.clock = &clock});
    return 0;
}
