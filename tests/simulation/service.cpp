// SPDX-License-Identifier: MIT
#include "service.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>

#include "hours.hpp"

namespace simulation {

using namespace std::chrono_literals;

namespace {

void add(eddy::ServeStatistics& sum, const eddy::ServeStatistics& more) {
    sum.active += more.active;
    sum.peak = std::max(sum.peak, more.peak);
    sum.accepted += more.accepted;
    sum.completed += more.completed;
    sum.failed += more.failed;
    sum.cancelled += more.cancelled;
    sum.rejected += more.rejected;
    sum.left += more.left;
    sum.lost += more.lost;
}

}  // namespace

Service::Service(std::string name, eddy::ServeOptions options, Handler handler, Findings& findings)
    : name_(std::move(name)),
      options_(options),
      handler_(std::move(handler)),
      findings_(findings) {}

Task<> Service::run(Chance chance, eddy::TimePoint end) {
    while (eddy::now() < end) {
        co_await serve_once(chance, end);
        if (eddy::now() < end) {
            co_await eddy::sleep_for(chance.between(0s, 20s));  // as long as a restart takes
        }
    }
}

Task<> Service::serve_once(Chance& chance, eddy::TimePoint end) {
    eddy::Server server(options_);
    splits_ = !splits_;
    const std::optional<std::uint64_t> seed =
        splits_ ? std::optional(chance.number()) : std::nullopt;
    eddy::testing::MemoryListener listener({.capacity = 2048, .seed = seed});
    server_ = &server;
    listener_ = &listener;
    const eddy::TimePoint when =
        std::min(end, busy_moment_after(eddy::after(eddy::now(), chance.between(5min, 50min))));
    const auto body = [&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(drain_at(server, when));
        co_await eddy::serve(server, listener, handler_, std::ref(server));
        group.cancel("served");
    };
    co_await eddy::with_task_group(body);
    const eddy::ServeStatistics all = server.statistics();
    server_ = nullptr;
    listener_ = nullptr;
    add(before_, all);
    findings_.happened(name_ + " is down", all.accepted);

    const eddy::Duration took = eddy::now() - drained_at_;
    findings_.expect(took <= options_.drain + options_.unwind, name_ + ": a drain took too long");
    findings_.expect(all.draining, name_ + ": serve returned without a drain");
    findings_.expect(all.active == 0 && all.left == 0, name_ + ": a drain has left handlers alone");
    findings_.expect(
        all.accepted == all.completed + all.failed + all.cancelled + all.rejected + all.left,
        name_ + ": a connection is in no statistics");
}

Task<> Service::drain_at(eddy::Server& server, eddy::TimePoint when) {
    co_await eddy::sleep_until(when);
    ++drains_;
    drained_at_ = eddy::now();
    findings_.happened(name_ + " drains");
    server.drain();
    co_await eddy::sleep_forever();
}

MemoryStream Service::connect() {
    if (listener_ == nullptr) {
        throw eddy::BrokenResource(name_ + " is down");
    }
    return listener_->connect();
}

std::size_t Service::active() const {
    return server_ != nullptr ? server_->statistics().active : 0;
}

eddy::ServeStatistics Service::totals() const {
    eddy::ServeStatistics all = before_;
    if (server_ != nullptr) {
        add(all, server_->statistics());
    }
    return all;
}

}  // namespace simulation
