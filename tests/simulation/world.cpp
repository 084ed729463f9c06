// SPDX-License-Identifier: MIT
#include "world.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/loop.hpp>
#include <eddy/observer.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/virtual_clock.hpp>

#include "chat_client.hpp"
#include "chat_limits.hpp"
#include "echo.hpp"
#include "echo_client.hpp"
#include "forward.hpp"
#include "heap_hooks.hpp"
#include "hours.hpp"
#include "item_ledger.hpp"
#include "network.hpp"
#include "resp_client.hpp"
#include "resp_server/session.hpp"
#include "room_log.hpp"
#include "witnessed_stream.hpp"

namespace simulation {

using namespace std::chrono_literals;

namespace {

/// No failure goes unreported, and none is reported that nobody was due.
class Witness final : public eddy::Observer {
public:
    explicit Witness(Findings& findings) : findings_(findings) {}

    void failure(const eddy::JobInfo& job,
                 std::exception_ptr error,
                 std::string_view where) override {
        ++failures_;
        findings_.expect(where == "connection handler",
                         "a failure in a " + std::string(where) + ", " + std::string(job.name));
        const std::string text = describe(error);
        const bool due = text.find("timed out") != std::string::npos ||
                         text.find("silent") != std::string::npos ||
                         text.find("idle") != std::string::npos ||
                         text.find("least progress") != std::string::npos ||
                         text.find("refused") != std::string::npos ||  // by the echo behind
                         text.find("is down") != std::string::npos;
        findings_.expect(due, "a handler failed: " + text);
        findings_.happened("failure: " + text);
    }
    void connection_lost(const eddy::JobInfo&, std::exception_ptr) override {
        ++failures_;
        findings_.happened("lost");
    }
    void job_left(const eddy::JobInfo&, std::string_view backtrace) override {
        findings_.expect(false, "a handler was left alone: " + std::string(backtrace));
    }
    void job_abandoned(const eddy::JobInfo&, std::string_view backtrace) override {
        findings_.expect(false, "a job ignored its end: " + std::string(backtrace));
    }

    [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }

private:
    static std::string describe(const std::exception_ptr& error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& e) {
            return e.what();
        } catch (...) {
            return "what is no std::exception";
        }
    }

    Findings& findings_;
    std::uint64_t failures_ = 0;
};

/// Everything there is. Made before the loop, as the samples make theirs.
class World final {
public:
    explicit World(const WorldOptions& options)
        : options_(options),
          random_(options.seed),
          witness_(findings_),
          echo_("echo",
                {.max_connections = 1000, .drain = 10s, .silence = 60s},
                echo_handler(),
                findings_),
          chat_("chat",
                {.max_connections = 500, .drain = 2s, .silence = 10min},
                chat_handler(),
                findings_),
          proxy_("proxy",
                 {.max_connections = 400, .drain = 10s, .silence = 60s},
                 proxy_handler(),
                 findings_),
          resp_("resp",
                {.max_connections = 400, .drain = 10s, .silence = 60s},
                resp_handler(),
                findings_) {}

    [[nodiscard]] eddy::Observer& observer() { return witness_; }

    Task<> run() {
        const auto body = [this](eddy::TaskGroup& group) -> Task<> {
            network_.emplace(group);
            const auto end = eddy::TimePoint(hour * options_.hours);
            auto [near, far] = eddy::testing::memory_stream_pair();
            log_line_.emplace(std::move(near));
            log_box_.emplace(*log_line_,
                             eddy::OutboxOptions{.max_bytes = 1UL << 20U, .max_messages = 10'000});
            room_.members.emplace("", &*log_box_);  // a name that nobody can have
            group.spawn(log_.run(std::move(far)), {.name = "log"});
            group.spawn(redis_.store.sweep(), {.name = "sweep"});
            for (Service* service : {&echo_, &chat_, &proxy_, &resp_}) {
                group.spawn(service->run(next_chance(), end), {.name = service->name()});
            }
            start_clients(group, end);
            for (unsigned i = 1; i <= options_.hours; ++i) {
                co_await eddy::sleep_until(eddy::TimePoint(hour * (i - 1) + counted_at));
                count_what_is_left();
            }
            co_await eddy::sleep_until(eddy::after(end, 15s));
            group.cancel("the end");
        };
        co_await eddy::with_task_group(body);
    }

    [[nodiscard]] WorldReport report() const;

private:
    [[nodiscard]] Chance next_chance() { return Chance(random_.number()); }

    [[nodiscard]] Handler echo_handler() const {
        if (options_.echo) {
            return options_.echo;
        }
        return [](MemoryStream stream, eddy::Server&) { return echo(std::move(stream)); };
    }
    [[nodiscard]] Handler chat_handler() {
        const ChatHandler handler =
            options_.chat ? options_.chat : ChatHandler(chat_room::chat<MemoryStream>);
        return [this, handler](MemoryStream stream, eddy::Server& server) {
            return handler(std::move(stream), room_, server);
        };
    }
    [[nodiscard]] Handler proxy_handler() {
        return [this](MemoryStream stream, eddy::Server&) { return forwarded(std::move(stream)); };
    }
    [[nodiscard]] Handler resp_handler() {
        const RespHandler handler = options_.resp ? options_.resp : RespHandler(serve_resp);
        return [this, handler](MemoryStream stream, eddy::Server& server) {
            return handler(std::move(stream), ledger_, redis_, server);
        };
    }
    static Task<> serve_resp(MemoryStream stream,
                             ItemLedger& ledger,
                             resp::Service& service,
                             eddy::Server& server) {
        return resp::serve_client(
            WitnessedStream<MemoryStream>(std::move(stream), ledger), service, server);
    }

    Task<> forwarded(MemoryStream client) {
        eddy::CopiedBytes bytes;
        const auto connect = [this] { return connect_to_echo(); };
        co_await forward(std::move(client), connect, bytes);
        copied_ += bytes.a_to_b + bytes.b_to_a;
    }
    /// As long as it takes to connect; the wire behind the proxy loses nothing.
    Task<MemoryStream> connect_to_echo() {
        WireFaults faults = faults_of(fair_weather(random_), random_);
        co_await eddy::sleep_for(faults.delay);
        co_return network_->connect(echo_, faults).stream;
    }

    void start_clients(eddy::TaskGroup& group, eddy::TimePoint end) {
        for (std::size_t i = 0; i < options_.clients; ++i) {
            const std::string name = "u" + std::to_string(i);
            if (i % 4 == 3) {
                auto& client = poppers_.emplace_back(
                    name, next_chance(), *network_, resp_, ledger_, findings_);
                group.spawn(live(client, next_chance(), end), {.name = name});
            } else if (i % 4 == 0) {
                auto& client =
                    chatters_.emplace_back(name, next_chance(), *network_, chat_, log_, findings_);
                group.spawn(live(client, next_chance(), end), {.name = name});
            } else if (i % 4 == 1) {
                auto& client = echoers_.emplace_back(
                    name, next_chance(), *network_, echo_, nullptr, findings_);
                group.spawn(live(client, next_chance(), end), {.name = name});
            } else {
                auto& client = echoers_.emplace_back(
                    name, next_chance(), *network_, proxy_, &echo_, findings_);
                group.spawn(live(client, next_chance(), end), {.name = name});
            }
        }
    }

    /// One session after another, in the busy part of each hour.
    template <class Client>
    Task<> live(Client& client, Chance chance, eddy::TimePoint end) {
        while (true) {
            const eddy::Duration pause = chance.between(0s, 20s);
            const eddy::TimePoint next = busy_moment_after(eddy::after(eddy::now(), pause));
            if (next >= end) {
                break;
            }
            co_await eddy::sleep_until(next);
            ++sessions_;
            ++in_session_;
            co_await client.session();
            --in_session_;
        }
        co_await eddy::sleep_forever();  // as many jobs in every hour
    }

    /// When nobody is connected, nothing is left of anybody.
    void count_what_is_left() {
        findings_.expect(in_session_ == 0, "a session does not end");
        findings_.expect(network_->wires() == 0, "a wire does not end");
        for (const Service* service : {&echo_, &chat_, &proxy_, &resp_}) {
            findings_.expect(service->active() == 0,
                             service->name() + " has connections although nobody is connected");
        }
        findings_.expect(room_.members.size() == 1,
                         "the room has members although nobody is there");
        const eddy::LoopStatistics loop = eddy::Loop::current().statistics();
        jobs_ = jobs_ != 0 ? jobs_ : loop.jobs_alive;
        findings_.expect(loop.jobs_alive == jobs_, "jobs are left of an hour, or have gone");
        ledger_.settle(redis_);
        log_.forget();
        std::for_each(chatters_.begin(), chatters_.end(), [](auto& client) { client.rest(); });
        std::for_each(echoers_.begin(), echoers_.end(), [](auto& client) { client.rest(); });
        std::for_each(poppers_.begin(), poppers_.end(), [](auto& client) { client.rest(); });
        findings_.happened("an hour is over", sessions_);
        heap_.push_back(eddy::testing::heap_counters().bytes);
    }

    const WorldOptions& options_;
    Chance random_;
    Findings findings_;
    Witness witness_;
    RoomLog log_;
    ItemLedger ledger_{findings_};
    resp::Service redis_;
    std::optional<MemoryStream> log_line_;
    std::optional<eddy::StreamOutbox<MemoryStream>> log_box_;
    chat_room::Room room_{.patience = chat_patience, .prompt = chat_prompt};
    Service echo_;
    Service chat_;
    Service proxy_;
    Service resp_;
    std::optional<Network> network_;
    std::deque<ChatClient> chatters_;
    std::deque<EchoClient> echoers_;
    std::deque<RespClient> poppers_;
    std::uint64_t sessions_ = 0;
    std::uint64_t in_session_ = 0;
    std::uint64_t copied_ = 0;
    std::size_t jobs_ = 0;
    std::vector<std::ptrdiff_t> heap_;
};

WorldReport World::report() const {
    WorldReport all;
    all.hash = findings_.hash();
    all.events = findings_.events();
    all.sessions = sessions_;
    all.bytes = network_->bytes();
    for (const ChatClient& client : chatters_) {
        all.lines_seen += client.lines_seen();
        all.dropped += client.dropped();
        all.errors += client.errors();
    }
    for (const EchoClient& client : echoers_) {
        all.echoed += client.echoed();
        all.errors += client.errors();
    }
    for (const RespClient& client : poppers_) {
        all.pops += client.pops();
        all.errors += client.errors();
    }
    all.items = ledger_.items();
    all.lost_items = ledger_.lost_with_wires();
    std::uint64_t failed = 0;
    for (const Service* service : {&echo_, &chat_, &proxy_, &resp_}) {
        all.drains += service->drains();
        failed += service->totals().failed;
    }
    all.failures = witness_.failures();
    all.heap = heap_;
    all.finding_count = findings_.count();
    all.findings = findings_.texts();
    if (failed != witness_.failures()) {
        ++all.finding_count;
        all.findings.push_back(std::to_string(failed) + " handlers have failed, and " +
                               std::to_string(witness_.failures()) + " failures were reported");
    }
    // Pools and queues grow to what the worst moment needs; after hours of that they have it all.
    constexpr std::size_t enough = 8;
    constexpr std::ptrdiff_t allowed = 64 * 1024;
    if (heap_.size() >= enough && heap_.back() - heap_[heap_.size() / 2] > allowed) {
        ++all.finding_count;
        all.findings.emplace_back("memory grows from hour to hour");
    }
    return all;
}

}  // namespace

WorldReport simulate(const WorldOptions& options) {
    World world(options);
    eddy::testing::VirtualClock clock;
    eddy::Loop loop(
        {.clock = &clock, .observer = &world.observer(), .schedule_seed = options.seed});
    loop.run(world.run());
    return world.report();
}

}  // namespace simulation
