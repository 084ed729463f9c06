// SPDX-License-Identifier: MIT
#pragma once

#include <libpq-fe.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <eddy/os/descriptor.hpp>
#include <eddy/task.hpp>

/// PostgreSQL's own client library on an Eddy loop: libpq speaks the protocol, by the calls of its
/// that do not wait; the loop watches its socket.

/// The server said no, or is not there: in libpq's words.
class PostgresError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// What a query has returned.
class Rows {
public:
    explicit Rows(PGresult* result) noexcept : result_(result) {}

    [[nodiscard]] int count() const noexcept { return PQntuples(result_.get()); }
    [[nodiscard]] int columns() const noexcept { return PQnfields(result_.get()); }
    /// Empty for null, too.
    [[nodiscard]] std::string_view at(int row, int column) const noexcept;

private:
    struct Clear {
        void operator()(PGresult* result) const noexcept { PQclear(result); }
    };

    std::unique_ptr<PGresult, Clear> result_;
};

/// A connection, for one query at a time.
class Connection {
public:
    /// `info`: as libpq's PQconnectdb takes it. A host's name is looked up on the loop's thread, by
    /// libpq; `hostaddr=` and Unix sockets are not.
    ///
    /// Throws: `PostgresError`.
    static eddy::Task<Connection> connect(std::string info);

    /// One statement, with `parameters` for its $1, $2, ...
    ///
    /// Throws: `PostgresError`; the connection is good for another query if it is `healthy`.
    /// Cancellation: the query is on its way, and the connection is not healthy any more. The
    ///               server goes on with it until it notices that the connection is closed.
    eddy::Task<Rows> query(std::string sql, std::vector<std::string> parameters);

    /// Nothing is under way on it, no transaction either.
    [[nodiscard]] bool healthy() const noexcept;

private:
    struct Finish {
        void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
    };
    using Owned = std::unique_ptr<PGconn, Finish>;

    explicit Connection(Owned connection)
        : libpq_(std::move(connection)),
          socket_(eddy::Descriptor::borrow(PQsocket(libpq_.get()))) {}

    eddy::Task<> flush();
    eddy::Task<> until_not_busy();
    void consume_input();
    [[noreturn]] void fail() const;

    Owned libpq_;
    eddy::Descriptor socket_;  // libpq's, which keeps it until the end
};
