// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

#include <eddy/task_group.hpp>
#include <eddy/testing/faulty_wire.hpp>
#include <eddy/testing/memory_stream.hpp>

#include "chance.hpp"
#include "service.hpp"

namespace simulation {

using eddy::testing::WireFaults;
using eddy::testing::WireReport;

/// A connection, and what its wire has done to it.
struct Line {
    MemoryStream stream;
    std::shared_ptr<const WireReport> report;
};

/// The wires between clients and services. They outlive those who use them, as in life: who goes
/// away does not take what is under way with them.
class Network final {
public:
    explicit Network(eddy::TaskGroup& group) : group_(group) {}

    /// Throws: `BrokenResource` when the service is down.
    [[nodiscard]] Line connect(Service& service, const WireFaults& faults);

    [[nodiscard]] std::size_t wires() const noexcept { return wires_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

private:
    Task<> wire(MemoryStream near,
                MemoryStream far,
                WireFaults faults,
                std::shared_ptr<WireReport> report);

    eddy::TaskGroup& group_;
    std::size_t wires_ = 0;
    std::uint64_t bytes_ = 0;
};

/// What a wire may be like.
enum class Weather : std::uint8_t { clear, slow, rough, cut, stalling, half_open };

[[nodiscard]] WireFaults faults_of(Weather weather, Chance& chance);
/// Most wires are good.
[[nodiscard]] Weather some_weather(Chance& chance);
/// Wires that lose nothing.
[[nodiscard]] Weather fair_weather(Chance& chance);

}  // namespace simulation
