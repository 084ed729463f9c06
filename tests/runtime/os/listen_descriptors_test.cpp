// SPDX-License-Identifier: MIT
#include <eddy/os/listen_descriptors.hpp>

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>

#include "child_process.hpp"

// The environment of a service that was given sockets. That a program is started with them:
// tests/exit/socket_activation.cpp.

namespace {

using eddy::IoError;
using eddy::listen_descriptors;

/// A variable as it was, at the end of a test.
class Variable final {
public:
    explicit Variable(const char* name) : name_(name) {
        if (const char* const value = std::getenv(name)) {
            before_ = value;
        }
        unsetenv(name);
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    ~Variable() {
        if (before_) {
            setenv(name_, before_->c_str(), 1);
        } else {
            unsetenv(name_);
        }
    }
    void set(const std::string& value) { setenv(name_, value.c_str(), 1); }
    [[nodiscard]] bool is_set() const { return std::getenv(name_) != nullptr; }

private:
    const char* name_;
    std::optional<std::string> before_;
};

struct Environment {
    Variable pid{"LISTEN_PID"};
    Variable fds{"LISTEN_FDS"};
    Variable names{"LISTEN_FDNAMES"};

    void give(const std::string& count) {
        pid.set(std::to_string(::getpid()));
        fds.set(count);
    }
    [[nodiscard]] bool any_set() const { return pid.is_set() || fds.is_set() || names.is_set(); }
};

std::string complaint(bool unset = false) {
    try {
        static_cast<void>(listen_descriptors({.unset_environment = unset}));
    } catch (const IoError& error) {
        CHECK((error.code() == std::errc::invalid_argument ||
               error.code() == std::errc::bad_file_descriptor));
        return error.what();
    }
    return "none";
}

/// In a child, which may put descriptors where it likes: 3 and so many on, and none after them.
template <class Body>
int with_descriptors(int count, Body body) {
    return eddy::testing::run_in_child([&] {
               Environment environment;
               const int source = ::open("/dev/null", O_RDONLY);
               const int high = ::fcntl(source, F_DUPFD, 100);
               for (int i = 0; i < count; ++i) {
                   ::dup2(high, 3 + i);
               }
               for (int i = 3 + count; i < 100; ++i) {
                   ::close(i);
               }
               environment.give(std::to_string(count));
               return body(environment) ? 0 : 1;
           })
        .exit_code;
}

}  // namespace

TEST_CASE("a process that nobody gives anything has no listen descriptors") {
    Environment environment;
    CHECK(listen_descriptors().empty());
    environment.fds.set("2");
    CHECK(listen_descriptors().empty());  // no LISTEN_PID: it may be anybody's
    environment.give("0");
    CHECK(listen_descriptors().empty());
    environment.pid.set(std::to_string(::getppid()));
    environment.fds.set("2");
    CHECK(listen_descriptors().empty());  // another process's
    environment.fds.set("nonsense");
    CHECK(listen_descriptors().empty());  // and what that is told is not ours to judge
    CHECK(environment.fds.is_set());
}

TEST_CASE("listen descriptors come with their names, in order, and close-on-exec") {
    CHECK(with_descriptors(3, [](Environment& environment) {
              environment.names.set("web:admin:");
              const auto given = listen_descriptors();
              bool good = given.size() == 3 && environment.fds.is_set();
              for (int i = 0; i < 3 && good; ++i) {
                  good = given[static_cast<std::size_t>(i)].descriptor == 3 + i &&
                         (::fcntl(3 + i, F_GETFD) & FD_CLOEXEC) != 0;
              }
              return good && given[0].name == "web" && given[1].name == "admin" &&
                     given[2].name.empty();
          }) == 0);
    CHECK(with_descriptors(2, [](Environment&) {
              const auto given = listen_descriptors();
              return given.size() == 2 && given[0].name == "unknown" && given[1].name == "unknown";
          }) == 0);
}

TEST_CASE("listen_descriptors removes the variables if asked, whatever comes out") {
    CHECK(with_descriptors(1, [](Environment& environment) {
              const auto given = listen_descriptors({.unset_environment = true});
              return given.size() == 1 && !environment.any_set() && listen_descriptors().empty();
          }) == 0);
    Environment environment;
    environment.give("nonsense");
    environment.names.set("a");
    CHECK(complaint(true) != "none");
    CHECK_FALSE(environment.any_set());
    environment.give("1");
    environment.pid.set(std::to_string(::getppid()));
    CHECK(listen_descriptors({.unset_environment = true}).empty());
    CHECK_FALSE(environment.any_set());
}

TEST_CASE("listen descriptors that make no sense are told of by name") {
    Environment environment;
    for (const std::string value :
         {"", "x", "1x", " 1", "-1", "2147483647", "99999999999999999999"}) {
        environment.give(value);
        CHECK(complaint().find("LISTEN_FDS is \"" + value + "\"") != std::string::npos);
    }
    for (const std::string value : {"", "x", "0", "-5"}) {
        environment.pid.set(value);
        CHECK(complaint().find("LISTEN_PID is \"" + value + "\"") != std::string::npos);
    }
    CHECK(with_descriptors(1, [](Environment& more) {
              more.fds.set("2");
              return complaint().find("descriptor 4, one of the 2") != std::string::npos;
          }) == 0);
    CHECK(with_descriptors(1, [](Environment& more) {
              more.fds.set("2000000000");  // no list of so many is made
              return complaint().find("descriptor 4, one of") != std::string::npos;
          }) == 0);
    for (const std::string names : {"", "a", "a:b:c", "::"}) {
        CHECK(with_descriptors(2, [&names](Environment& more) {
                  more.names.set(names);
                  return complaint().find("LISTEN_FDNAMES is \"" + names + "\"") !=
                         std::string::npos;
              }) == 0);
    }
}
