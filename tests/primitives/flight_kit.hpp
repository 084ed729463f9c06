// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/single_flight.hpp>
#include <eddy/task.hpp>

/// What the tests of flights fetch, and who asks for it.
namespace eddy::testing {

/// Counts the calls, answers when the door opens.
struct Source {
    Event door;
    int calls = 0;
    int cancelled = 0;
    bool fails = false;

    Task<int> fetch(int value) {
        ++calls;
        try {
            co_await door.wait();
        } catch (const Cancelled&) {
            ++cancelled;
            throw;
        }
        if (fails) {
            throw std::runtime_error("no luck");
        }
        co_return value;
    }
};

using Seen = std::vector<std::string>;
using Flights = SingleFlight<std::string, int>;

inline Task<> ask(Flights& flights, std::string key, Source& source, int value, Seen& seen) {
    try {
        const int got = co_await flights.get(std::move(key), &Source::fetch, &source, value);
        seen.push_back(std::to_string(got));
    } catch (const std::exception& error) {
        seen.push_back(error.what());
    }
}

}  // namespace eddy::testing
