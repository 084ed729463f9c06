// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include <eddy/net/server.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/time.hpp>

#include "chance.hpp"
#include "findings.hpp"

namespace simulation {

using eddy::Task;
using eddy::testing::MemoryStream;

/// What is done for each connection.
using Handler = std::function<Task<>(MemoryStream, eddy::Server&)>;

/// A server that is drained now and then, in the middle of everything, and comes back.
class Service final {
public:
    Service(std::string name, eddy::ServeOptions options, Handler handler, Findings& findings);
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;
    ~Service() = default;

    /// Serves until the time has come; drains in the busy part of each hour.
    Task<> run(Chance chance, eddy::TimePoint end);

    /// Throws: `BrokenResource` while it is down.
    [[nodiscard]] MemoryStream connect();
    /// True unless it is down, or drains.
    [[nodiscard]] bool up() const { return server_ != nullptr && !server_->draining(); }
    /// Grows with each drain: what has failed meanwhile may have failed for that.
    [[nodiscard]] std::uint64_t drains() const noexcept { return drains_; }
    /// Reads of the server that runs take less than they could.
    [[nodiscard]] bool splits() const noexcept { return splits_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] eddy::Duration silence() const noexcept { return options_.silence; }

    /// Of the server that runs.
    [[nodiscard]] std::size_t active() const;
    /// Of all servers there have been, and that one.
    [[nodiscard]] eddy::ServeStatistics totals() const;

private:
    Task<> serve_once(Chance& chance, eddy::TimePoint end);
    Task<> drain_at(eddy::Server& server, eddy::TimePoint when);

    std::string name_;
    eddy::ServeOptions options_;
    Handler handler_;
    Findings& findings_;
    std::uint64_t drains_ = 0;
    bool splits_ = false;
    eddy::TimePoint drained_at_{};
    eddy::Server* server_ = nullptr;
    eddy::testing::MemoryListener* listener_ = nullptr;
    eddy::ServeStatistics before_;
};

}  // namespace simulation
