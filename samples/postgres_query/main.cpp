// SPDX-License-Identifier: MIT
// postgres_query: another library's protocol on an Eddy loop, and a pool of its connections.
//
// libpq has sockets of its own, and says what it waits for; a Descriptor waits for that, in a job
// (postgres.cpp). Each query leases a connection from a ResourcePool. One that failed in the
// middle, or was given up at its timeout, is closed and never lent again; the others go on.
#include <chrono>
#include <exception>
#include <iomanip>
#include <iostream>
#include <map>
#include <span>
#include <sstream>
#include <string>

#include <eddy/error.hpp>
#include <eddy/histogram.hpp>
#include <eddy/resource_pool.hpp>
#include <eddy/run.hpp>
#include <eddy/task_group.hpp>
#include <eddy/time.hpp>
#include <eddy/with_scope.hpp>

#include "../finished.hpp"
#include "../printable.hpp"
#include "options.hpp"
#include "postgres.hpp"

namespace {

using Pool = eddy::ResourcePool<Connection>;

/// What has come of all queries.
struct Report {
    eddy::Histogram latency;
    std::map<std::string, std::size_t> errors;  // and how often
};

/// Within the limit, if there is one; `what` it is that takes too long.
template <class T>
eddy::Task<T> limited(const Options& options, const char* what, eddy::Task<T> task) {
    if (!options.timeout) {
        co_return co_await std::move(task);
    }
    try {
        co_return co_await eddy::fail_after(*options.timeout, std::move(task));
    } catch (const eddy::TimedOut&) {
        throw PostgresError(std::string(what) + " took longer than --timeout allows");
    }
}

void print(const Rows& rows) {
    for (int row = 0; row < rows.count(); ++row) {
        for (int column = 0; column < rows.columns(); ++column) {
            std::cout << (column != 0 ? "\t" : "") << rows.at(row, column);
        }
        std::cout << '\n';
    }
}

eddy::Task<> ask(Pool& pool, const Options& options, Report& report, bool prints) {
    try {
        auto connection = co_await pool.acquire();
        const eddy::TimePoint start = eddy::now();
        const Rows rows = co_await limited(
            options, "the query", connection->query(options.sql, options.parameters));
        report.latency.record(eddy::now() - start);
        if (prints) {
            print(rows);
        }
    } catch (const std::exception& error) {
        ++report.errors[error.what()];
    }
}

/// Lines of somebody else's.
void complain(const std::string& text, std::size_t times) {
    std::istringstream lines(text);
    std::string line;
    std::cerr << "postgres_query: ";
    while (std::getline(lines, line)) {
        std::cerr << printable(line) << (lines.peek() != EOF ? "\n  " : "");
    }
    std::cerr << (times > 1 ? " (" + std::to_string(times) + " times)" : "") << '\n';
}

void show(const Report& report, const eddy::ResourcePoolStatistics& pool) {
    const auto milliseconds = [&](double percent) {
        return static_cast<double>(report.latency.percentile(percent)) / 1e6;
    };
    std::cerr << std::fixed << std::setprecision(2) << report.latency.count()
              << " queries; connections: " << pool.made << " made, " << pool.reused
              << " times reused, " << pool.broken << " broken, " << pool.failed
              << " failed; ms: " << milliseconds(50) << " median, " << milliseconds(99) << " p99, "
              << milliseconds(100) << " most\n";
}

eddy::Task<int> run_queries(const Options& options) {
    Pool pool({.make =
                   [&] {
                       return limited(
                           options, "the connection", Connection::connect(options.connection_info));
                   },
               .broken = [](const Connection& connection) { return !connection.healthy(); }},
              {.max_total = options.connections});
    Report report;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        for (std::size_t i = 0; i < options.repeat; ++i) {
            group.spawn(ask(pool, options, report, i == 0));
        }
        co_return;
    });
    co_await pool.drain();
    for (const auto& [text, times] : report.errors) {
        complain(text, times);
    }
    show(report, pool.statistics());
    co_return report.errors.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::string error;
    const auto options = parse(std::span(argv, static_cast<std::size_t>(argc)).subspan(1), error);
    if (!options) {
        std::cerr << "postgres_query: " << error << "\n\n" << usage;
        return 2;
    }
    if (options->help) {
        std::cout << usage;
        return finished(0);
    }
    return finished(eddy::run_main(run_queries(*options)));
}
