// SPDX-License-Identifier: MIT
// Single flight: a hundred requests want the same user at the same time, the database is asked
// once.
//
// A SingleFlight has one call per key under way: whoever asks meanwhile waits for that one and gets
// its result. First without it, then with it; then the first request is cancelled, which the others
// do not notice; then the database is down, which all of them are told.
#include <eddy/single_flight.hpp>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>

#include "finished.hpp"

using namespace std::chrono_literals;

struct User {
    int id = 0;
    std::string name;
};

/// Counts how often it is asked. Each answer takes a moment.
class Database {
public:
    int fetches = 0;
    bool down = false;

    eddy::Task<User> fetch(int id) {
        ++fetches;
        co_await eddy::sleep_for(2ms);
        if (down) {
            throw std::runtime_error("the database is down");
        }
        co_return User{.id = id, .name = "Ada"};
    }
};

using Users = eddy::SingleFlight<int, User>;

struct Tally {
    int answered = 0;
    int failed = 0;
    int cancelled = 0;
};

eddy::Task<> ask_directly(Database& database, Tally& tally) {
    const User user = co_await database.fetch(7);
    tally.answered += user.name == "Ada" ? 1 : 0;
}

eddy::Task<> ask(Users& users, Database& database, Tally& tally) {
    try {
        const User user = co_await users.get(7, &Database::fetch, &database, 7);
        tally.answered += user.name == "Ada" ? 1 : 0;
    } catch (const std::runtime_error&) {
        ++tally.failed;
    } catch (const eddy::Cancelled&) {
        ++tally.cancelled;
        throw;
    }
}

void report(const char* what, Database& database, const Tally& tally) {
    std::cout << what << ": " << database.fetches
              << (database.fetches == 1 ? " fetch, " : " fetches, ") << tally.answered
              << " answered, " << tally.failed << " failed, " << tally.cancelled << " cancelled\n";
    database.fetches = 0;
}

eddy::Task<> without(Database& database) {
    Tally tally;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        for (int i = 0; i < 100; ++i) {
            group.spawn(ask_directly(database, tally));
        }
        co_return;
    });
    report("without", database, tally);
}

eddy::Task<> with(Users& users, Database& database, const char* what, bool cancel_first) {
    Tally tally;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        auto first = group.spawn(ask(users, database, tally));
        for (int i = 1; i < 100; ++i) {
            group.spawn(ask(users, database, tally));
        }
        co_await eddy::sleep_for(1ms);  // by now all of them wait
        if (cancel_first) {
            first.cancel("its client has hung up");
        }
    });
    report(what, database, tally);
}

eddy::Task<> single_flight() {
    Database database;
    Users users;
    co_await without(database);
    co_await with(users, database, "with", false);
    co_await with(users, database, "the first one cancelled", true);
    database.down = true;
    co_await with(users, database, "the database down", false);
    database.down = false;
    co_await with(users, database, "up again", false);
    std::cout << users.statistics().started << " flights, " << users.statistics().joined
              << " calls joined one\n";
}

int main() { return finished(eddy::run_main(single_flight())); }
