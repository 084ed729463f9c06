// SPDX-License-Identifier: MIT
#include "postgres.hpp"

#include <new>
#include <utility>

#include <eddy/select.hpp>

namespace {

/// Without the line's end.
std::string message_of(const char* text) {
    std::string_view message(text);
    while (message.ends_with('\n')) {
        message.remove_suffix(1);
    }
    return std::string(message);
}

/// What libpq says of a string that it cannot read may be a part of the password.
void check_info(const std::string& info) {
    PQconninfoOption* const options = PQconninfoParse(info.c_str(), nullptr);
    if (options == nullptr) {
        throw PostgresError(
            "the connection string is none: see \"Connection Strings\" in the "
            "manual of PostgreSQL");
    }
    PQconninfoFree(options);
}

/// Of a result that ends a statement. Empty: it went well.
std::string error_of(const PGresult* result) {
    switch (PQresultStatus(result)) {
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
        case PGRES_EMPTY_QUERY:
            return {};
        case PGRES_COPY_IN:
        case PGRES_COPY_OUT:
        case PGRES_COPY_BOTH:
            return "COPY is more than a query, and not done here";
        default:
            return message_of(PQresultErrorMessage(result));
    }
}

bool copies(const PGresult* result) {
    const ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

}  // namespace

std::string_view Rows::at(int row, int column) const noexcept {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

// PQconnectPoll may close its socket and open another one, even with the same number: for the next
// address, or to try again without encryption. So it is borrowed anew for each wait.
eddy::Task<Connection> Connection::connect(std::string info) {
    check_info(info);
    Owned libpq(PQconnectStart(info.c_str()));
    if (libpq == nullptr) {
        throw std::bad_alloc();
    }
    PQsetNoticeProcessor(libpq.get(), [](void*, const char*) {}, nullptr);
    auto next =
        PQstatus(libpq.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
        eddy::Descriptor socket = eddy::Descriptor::borrow(PQsocket(libpq.get()));
        if (next == PGRES_POLLING_READING) {
            co_await socket.readable();
        } else {
            co_await socket.writable();
        }
        next = PQconnectPoll(libpq.get());
    }
    if (next == PGRES_POLLING_FAILED || PQsetnonblocking(libpq.get(), 1) != 0) {
        throw PostgresError(message_of(PQerrorMessage(libpq.get())));
    }
    co_return Connection(std::move(libpq));
}

bool Connection::healthy() const noexcept {
    return PQstatus(libpq_.get()) == CONNECTION_OK &&
           PQtransactionStatus(libpq_.get()) == PQTRANS_IDLE;
}

eddy::Task<Rows> Connection::query(std::string sql, std::vector<std::string> parameters) {
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const std::string& parameter : parameters) {
        values.push_back(parameter.c_str());
    }
    const int count = static_cast<int>(values.size());
    if (PQsendQueryParams(
            libpq_.get(), sql.c_str(), count, nullptr, values.data(), nullptr, nullptr, 0) == 0) {
        fail();
    }
    co_await flush();

    // All that comes is taken, whatever the first says, so that the next query begins with its own.
    Rows rows(nullptr);
    std::string error;
    while (true) {
        co_await until_not_busy();
        PGresult* const result = PQgetResult(libpq_.get());
        if (result == nullptr) {
            break;
        }
        rows = Rows(result);
        if (error.empty()) {
            error = error_of(result);
        }
        if (copies(result)) {
            break;  // it would wait for ever; the connection is left busy
        }
    }
    if (!error.empty()) {
        throw PostgresError(error);
    }
    co_return rows;
}

/// A server that has much to say may wait for us to read before it reads itself.
eddy::Task<> Connection::flush() {
    while (true) {
        const int left = PQflush(libpq_.get());
        if (left == 0) {
            break;
        }
        if (left < 0) {
            fail();
        }
        const auto ready = co_await eddy::select(socket_.writable(), socket_.readable());
        if (ready.index() == 1) {
            consume_input();
        }
    }
}

eddy::Task<> Connection::until_not_busy() {
    while (PQisBusy(libpq_.get()) != 0) {
        co_await socket_.readable();
        consume_input();
    }
}

void Connection::consume_input() {
    if (PQconsumeInput(libpq_.get()) == 0) {
        fail();
    }
}

void Connection::fail() const { throw PostgresError(message_of(PQerrorMessage(libpq_.get()))); }
