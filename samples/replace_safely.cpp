// SPDX-License-Identifier: MIT
// kill -9 at random moments: the file is always the old one or the new one.
//
// A child replaces a file again and again, each time with another version of another size. The
// parent kills it at some moment and looks at what is there: one whole version, every time. With
// --plainly the child writes the file in place, as most programs do; then some of what is left is
// torn, which shows that the parent would have seen it.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <random>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <eddy/fs/directory.hpp>
#include <eddy/fs/paths.hpp>
#include <eddy/fs/replace_file.hpp>
#include <eddy/fs/temporary.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/sleep.hpp>
#include <eddy/with_scope.hpp>

#include "finished.hpp"

using namespace std::chrono_literals;
using std::filesystem::path;
using Version = std::uint64_t;

/// Its number, its length, and a checksum over what follows.
std::string content_of(Version version) {
    const std::string body(100'000 + version * 7'919 % 1'500'000, char('a' + version % 26));
    return std::to_string(version) + ' ' + std::to_string(body.size()) + ' ' +
           std::to_string(std::hash<std::string>()(body)) + '\n' + body;
}

/// None, if what is there is not one whole version.
std::optional<Version> version_in(const path& file) {
    std::ifstream stream(file, std::ios::binary);
    Version version = 0;
    std::size_t length = 0;
    std::size_t sum = 0;
    stream >> version >> length >> sum;
    stream.get();
    std::string body(std::min(length, std::size_t{2'000'000}), '\0');
    const bool whole = stream.read(body.data(), static_cast<std::streamsize>(body.size())) &&
                       stream.get() == EOF && std::hash<std::string>()(body) == sum;
    return whole ? std::optional(version) : std::nullopt;
}

void write_in_place(const path& file, const std::string& content) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
}

/// The child, for as long as it has its parent, which may have gone before it looks.
eddy::Task<> write_for_ever(path file, Version version, pid_t parent, bool plainly) {
    while (getppid() == parent) {
        std::string content = content_of(version++);
        if (plainly) {
            co_await eddy::run_in_executor(write_in_place, file, std::move(content));
        } else {
            co_await eddy::replace_file(file, std::move(content));
        }
    }
}

pid_t start_child(std::string file, Version first, std::string how) {
    std::string version = std::to_string(first);
    std::string parent = std::to_string(getpid());
    std::string name = "replace_safely";
    char* arguments[] = {
        name.data(), how.data(), file.data(), version.data(), parent.data(), nullptr};
    pid_t child = 0;
    const int error = posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, environ);
    if (error != 0) {
        throw std::system_error(error, std::generic_category(), "posix_spawn");
    }
    return child;
}

void kill_and_wait(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}

eddy::Task<> changed(path file, std::optional<Version> before) {
    while (true) {
        const auto now = co_await eddy::run_in_executor(version_in, file);
        if (now != before) {
            co_return;
        }
        co_await eddy::sleep_for(1ms);
    }
}

/// What a child that was killed has left under another name.
eddy::Task<> remove_leftovers(path directory) {
    const auto entries = co_await eddy::list_directory(directory);
    for (const eddy::DirectoryEntry& entry : entries) {
        if (entry.name.starts_with(".eddy-")) {
            co_await eddy::remove_file(directory / entry.name);
        }
    }
}

/// The parent.
eddy::Task<> show(std::string how) {
    constexpr int children = 20;
    const auto directory = co_await eddy::TemporaryDirectory::create();
    const path file = directory.path() / "settings";
    std::minstd_rand random(7);
    std::optional<Version> last;
    int whole = 0;
    for (int number = 1; number <= children; ++number) {
        const pid_t child = start_child(file, Version(number) * 1'000, how);
        co_await eddy::fail_after(20s, changed(file, last));
        co_await eddy::sleep_for(std::chrono::microseconds(random() % 10'000));
        co_await eddy::run_in_executor(kill_and_wait, child);
        last = co_await eddy::run_in_executor(version_in, file);
        whole += last && *last >= Version(number) * 1'000 ? 1 : 0;
        co_await remove_leftovers(directory.path());
    }
    std::cout << "killed while they wrote a file: " << children << "\n"
              << "the file was one whole version: " << whole << "\n"
              << "torn: " << children - whole << "\n";
}

int main(int count, char** arguments) {
    const std::string how = count > 1 ? arguments[1] : "--safely";
    if (count == 5) {
        return eddy::run_main(write_for_ever(
            arguments[2], std::stoull(arguments[3]), std::stoi(arguments[4]), how == "--plainly"));
    }
    return finished(eddy::run_main(show(how)));
}
