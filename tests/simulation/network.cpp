// SPDX-License-Identifier: MIT
#include "network.hpp"

#include <chrono>
#include <utility>

namespace simulation {

using namespace std::chrono_literals;

Line Network::connect(Service& service, const WireFaults& faults) {
    MemoryStream far = service.connect();
    auto [client, near] = eddy::testing::memory_stream_pair({.capacity = 2048});
    auto report = std::make_shared<WireReport>();
    group_.spawn(wire(std::move(near), std::move(far), faults, report), {.name = "wire"});
    ++wires_;
    return Line{std::move(client), std::move(report)};
}

Task<> Network::wire(MemoryStream near,
                     MemoryStream far,
                     WireFaults faults,
                     std::shared_ptr<WireReport> report) {
    co_await eddy::testing::faulty_wire(std::move(near), std::move(far), faults, *report);
    bytes_ += report->there + report->back;
    --wires_;
}

WireFaults faults_of(Weather weather, Chance& chance) {
    WireFaults faults{.seed = chance.number(), .delay = chance.between(0ms, 80ms), .piece = 1024};
    switch (weather) {
        case Weather::clear:
            break;
        case Weather::slow:
            faults.bytes_per_second = chance.between(500, 5000);
            break;
        case Weather::rough:
            faults.jitter = chance.between(1ms, 80ms);
            faults.split = true;
            break;
        case Weather::cut:
            faults.split = chance.one_in(2);
            faults.reset_after = chance.between(0, 20'000);
            break;
        case Weather::stalling:
            faults.stall_after = chance.between(0, 10'000);
            faults.stall_for = chance.between(1s, 30s);
            break;
        case Weather::half_open:
            faults.stall_after = chance.between(0, 10'000);
            faults.stall_for = 14min;
            break;
    }
    return faults;
}

Weather fair_weather(Chance& chance) {
    switch (chance.between(0, 3)) {
        case 0:
            return Weather::slow;
        case 1:
            return Weather::rough;
        default:
            return Weather::clear;
    }
}

Weather some_weather(Chance& chance) {
    switch (chance.between(0, 9)) {
        case 0:
            return Weather::cut;
        case 1:
            return Weather::stalling;
        case 2:
            return chance.one_in(2) ? Weather::half_open : Weather::cut;
        default:
            return fair_weather(chance);
    }
}

}  // namespace simulation
