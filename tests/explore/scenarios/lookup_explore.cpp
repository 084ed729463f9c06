// SPDX-License-Identifier: MIT
#include <cstddef>
#include <functional>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/lookup_statistics.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/task.hpp>

#include "explore.hpp"
#include "loop.hpp"
#include "net/lookup.hpp"
#include "net/lookup_flight.hpp"
#include "net/lookup_table.hpp"

// Who asks for a name, who joins, who leaves, and the thread that brings the answer. The threads
// are those of the process: each execution begins and ends without one.

namespace {

constexpr std::uint16_t port = 7;

/// What the resolver gives out: somebody has to free it, once.
struct Answer {
    addrinfo info{};
    sockaddr_in address{};
};

/// How the lookups of one loop have ended.
struct Ends {
    int answered = 0;
    int cancelled = 0;

    void must_be(int asked) const {
        explore::check(answered + cancelled == asked, "each ends once");
    }
};

eddy::Task<void> look_up(const std::string& host, Ends& ends) {
    const std::string no_service;
    const eddy::ResolveOptions options;
    try {
        const std::vector<eddy::Address> found =
            co_await eddy::detail::Lookup(host, no_service, options);
        explore::check(found.size() == 1 && found[0].port() == port, "the answer");
        ++ends.answered;
    } catch (const eddy::Cancelled&) {
        ++ends.cancelled;
        throw;
    }
}

/// A loop of the current thread, whose jobs ask for the same, and may all leave.
void run_one(int jobs, bool leaves, Ends& ends) {
    const std::string host = "name";
    CoreLoop loop(CoreLoop::Woken::by_bell);
    for (int i = 0; i < jobs; ++i) {
        loop.spawn([&] { return look_up(host, ends); });
    }
    loop.core().run_turn();
    if (leaves) {
        loop.cancel();
    }
    loop.run();
    loop.end();
}

/// Since the execution began; the process has had others.
class Calls {
public:
    [[nodiscard]] unsigned made() const {
        return static_cast<unsigned>(eddy::lookup_statistics().started - before_);
    }

private:
    const std::uint64_t before_ = eddy::lookup_statistics().started;
};

}  // namespace

extern "C" int getaddrinfo(const char* host, const char*, const addrinfo*, addrinfo** result) {
    explore::check(std::string_view(host) == "name", "the name is there as long as the call");
    auto* const answer = new Answer;
    answer->address.sin_family = AF_INET;
    answer->address.sin_port = htons(port);
    answer->info.ai_family = AF_INET;
    answer->info.ai_addr = reinterpret_cast<sockaddr*>(&answer->address);
    *result = &answer->info;
    return 0;
}

extern "C" void freeaddrinfo(addrinfo* info) noexcept { delete reinterpret_cast<Answer*>(info); }

EXPLORE("lookup: two jobs of a loop ask for the same", .outcomes = 0b110) {
    const Calls calls;
    Ends ends;
    run_one(2, false, ends);
    explore::check(ends.answered == 2, "both are answered");
    explore::outcome(calls.made());  // two: the second one came when the first was answered
}

EXPLORE("lookup: they leave while a thread comes for it, or answers", .outcomes = 0b111) {
    const Calls calls;
    Ends ends;
    run_one(2, true, ends);
    ends.must_be(2);
    explore::outcome(calls.made());
}

EXPLORE("lookup: two loops ask for the same", .surprises = 0, .outcomes = 0b110) {
    const Calls calls;
    Ends mine;
    Ends others;
    std::thread other([&] { run_one(1, false, others); });
    run_one(1, false, mine);
    other.join();
    explore::check(mine.answered == 1 && others.answered == 1, "both are answered");
    explore::outcome(calls.made());
}

EXPLORE("lookup: one loop leaves and ends, the other one stays", .surprises = 0) {
    Ends mine;
    Ends others;
    std::thread other([&] { run_one(1, true, others); });
    run_one(1, false, mine);
    other.join();
    explore::check(mine.answered == 1, "who stays is answered");
    others.must_be(1);
}

EXPLORE("lookup: names that were chosen to share a bucket do not", .surprises = 0) {
    using eddy::detail::LookupFlight;
    constexpr std::size_t most = 32;  // five are usual
    eddy::detail::LookupTable table;
    std::vector<std::unique_ptr<LookupFlight>> flights;
    const auto enter = [&](const std::string& host, const std::string& service) {
        flights.push_back(std::make_unique<LookupFlight>(
            eddy::detail::LookupKey{.host = host, .service = service}));
        table.insert(*flights.back());
    };
    for (int number = 0; flights.size() < 200; ++number) {
        const std::string name = std::to_string(number);
        if (std::hash<std::string_view>()(name) % 256 == 0) {
            enter(name, "");
        }
    }
    explore::check(table.longest_look() < most, "names");
    for (int number = 0; flights.size() < 400; ++number) {
        enter("name", std::to_string(number));
    }
    explore::check(table.longest_look() < most, "services of one name");
    for (int number = 0; flights.size() < 1200; ++number) {
        enter("host" + std::to_string(number), "");
    }
    explore::check(table.longest_look() < most, "when it has grown");
    for (const auto& flight : flights) {
        explore::check(table.find(flight->key()) == flight.get(), "each is found");
        table.erase(*flight);
    }
    explore::check(table.longest_look() == 0, "all are gone");
}
