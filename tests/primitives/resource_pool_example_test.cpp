// SPDX-License-Identifier: MIT
#include <chrono>
#include <string>

#include <doctest/doctest.h>

#include <eddy/resource_pool.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/coroutine_test.hpp>

// The examples of primitives/README.md, "ResourcePool, in more detail".

namespace {

using namespace std::chrono_literals;
using eddy::OnDrop;
using eddy::ResourceHooks;
using eddy::ResourcePool;
using eddy::Task;

class Connection {
public:
    Task<int> query(std::string text) {
        co_await eddy::sleep_for(1ms);
        ++queries_;
        co_return static_cast<int>(text.size());
    }
    Task<bool> ping() {
        const int length = co_await query("ping");
        co_return length == 4;
    }
    [[nodiscard]] bool is_broken() const { return queries_ > 100; }
    [[nodiscard]] int queries() const { return queries_; }

private:
    int queries_ = 0;
};

Task<Connection> connect(std::string address) {
    co_await eddy::sleep_for(1ms);
    static_cast<void>(address);
    co_return Connection();
}

EDDY_TEST_CASE("the pool of the example lends a connection and is drained") {
    const std::string address = "db:5432";
    ResourcePool<Connection> pool({.make = [&] { return connect(address); }},
                                  {.max_total = 16, .max_idle_time = 60s});
    {
        const auto lease = co_await pool.acquire();
        co_await lease->query("select 1");
    }  // given back
    CHECK(pool.statistics().idle == 1);
    co_await pool.drain();  // nothing new is lent; ends when all have come back and are closed
    CHECK(pool.statistics().retired == 1);
}

EDDY_TEST_CASE("the keyed pool of the example gives back what was finished, and closes the rest") {
    ResourceHooks<Connection, std::string> hooks;
    hooks.make = [](const std::string& host) { return connect(host); };
    hooks.check = [](Connection& connection) { return connection.ping(); };
    hooks.broken = [](const Connection& connection) { return connection.is_broken(); };
    ResourcePool<Connection, std::string> pool(
        hooks, {.max_per_key = 6, .check_after = 5s, .on_drop = OnDrop::close});

    auto lease = co_await pool.acquire("example.org");
    co_await lease->query("GET /");
    lease.release();  // all was read: the next one may have it
    CHECK(pool.statistics().idle == 1);

    co_await eddy::sleep_for(6s);
    lease = co_await pool.acquire("example.org");
    CHECK(lease->queries() == 2);  // with the ping
    lease.discard();
    CHECK(pool.statistics().broken == 1);
}

}  // namespace
