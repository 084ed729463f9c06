// SPDX-License-Identifier: MIT
#include <eddy/os/listen_descriptors.hpp>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <eddy/error.hpp>

namespace eddy::inline v0_1 {

namespace {

constexpr int first_given = 3;  // SD_LISTEN_FDS_START

[[noreturn]] void make_no_sense(const std::string& why, int error = EINVAL) {
    throw IoError(std::error_code(error, std::system_category()), "listen_descriptors: " + why);
}

/// Empty, if the variable is not set. A copy: the environment may go.
std::optional<std::string> variable(const char* name) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the header says when it may be called
    const char* const value = std::getenv(name);
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

std::int64_t number_of(const char* name, const std::string& value, std::int64_t least) {
    std::int64_t number = 0;
    const char* const end = value.data() + value.size();
    const auto [rest, error] = std::from_chars(value.data(), end, number);
    if (value.empty() || error != std::errc() || rest != end || number < least ||
        number > std::numeric_limits<int>::max() - first_given) {
        make_no_sense(std::string(name) + " is \"" + value + "\", not a number from " +
                      std::to_string(least) + " up to what an int holds");
    }
    return number;
}

/// One for each descriptor.
std::vector<std::string> names_of(const std::string& list, std::size_t count) {
    std::vector<std::string> names;
    std::string_view rest = list;
    while (names.size() <= count) {
        const std::size_t colon = rest.find(':');
        names.emplace_back(rest.substr(0, colon));
        if (colon == std::string_view::npos) {
            break;
        }
        rest.remove_prefix(colon + 1);
    }
    if (names.size() != count) {
        make_no_sense("LISTEN_FDNAMES is \"" + list +
                      "\", which is not as many names as LISTEN_FDS" + " says, " +
                      std::to_string(count));
    }
    return names;
}

void close_on_exec(int descriptor, std::int64_t count) {
    const int flags = ::fcntl(descriptor, F_GETFD);
    if (flags < 0 || ::fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) != 0) {
        make_no_sense("descriptor " + std::to_string(descriptor) + ", one of the " +
                          std::to_string(count) + " that LISTEN_FDS says there are from 3 on",
                      errno);
    }
}

/// At the end of its scope, whatever the outcome.
class Unset final {
public:
    explicit Unset(bool wanted) noexcept : wanted_(wanted) {}
    Unset(const Unset&) = delete;
    Unset& operator=(const Unset&) = delete;
    ~Unset() {
        if (wanted_) {
            for (const char* const name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
                // NOLINTNEXTLINE(concurrency-mt-unsafe): the header says when it may be asked for
                static_cast<void>(::unsetenv(name));
            }
        }
    }

private:
    bool wanted_;
};

}  // namespace

std::vector<ListenDescriptor> listen_descriptors(const ListenDescriptorsOptions& options) {
    const Unset unset(options.unset_environment);
    const auto pid = variable("LISTEN_PID");
    const auto fds = variable("LISTEN_FDS");
    if (!pid || !fds || number_of("LISTEN_PID", *pid, 1) != ::getpid()) {
        return {};
    }
    const std::int64_t count = number_of("LISTEN_FDS", *fds, 0);
    // All of them are there before anything is made for each: the number may be anything.
    for (std::int64_t i = 0; i < count; ++i) {
        close_on_exec(first_given + static_cast<int>(i), count);
    }
    const auto list = variable("LISTEN_FDNAMES");
    std::vector<std::string> names(static_cast<std::size_t>(count), "unknown");
    if (list && count != 0) {
        names = names_of(*list, names.size());
    }
    std::vector<ListenDescriptor> given;
    given.reserve(names.size());
    int descriptor = first_given;
    for (std::string& name : names) {
        given.push_back({.descriptor = descriptor++, .name = std::move(name)});
    }
    return given;
}

}  // namespace eddy::inline v0_1
