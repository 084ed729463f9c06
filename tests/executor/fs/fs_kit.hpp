// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <stdlib.h>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <eddy/executor.hpp>

/// What the tests of files stand on. What they check, they look at with the standard library.
namespace eddy::testing {

/// A directory of the test's own, which goes with it.
class TestDirectory final {
public:
    explicit TestDirectory(
        const std::filesystem::path& where = std::filesystem::temp_directory_path()) {
        std::string name = (where / "eddy-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error("mkdtemp " + name + ": no directory for a test");
        }
        path_ = name;
    }
    TestDirectory(const TestDirectory&) = delete;
    TestDirectory& operator=(const TestDirectory&) = delete;
    ~TestDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
        return path_ / name;
    }
    /// Makes a file, or replaces what it says.
    std::filesystem::path write(std::string_view name, std::string_view content) const {
        const std::filesystem::path file = path_ / name;
        std::ofstream(file, std::ios::binary) << content;
        return file;
    }
    [[nodiscard]] std::size_t entries() const {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_),
                                                      std::filesystem::directory_iterator()));
    }

private:
    std::filesystem::path path_;
};

[[nodiscard]] inline std::string content_of(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::string content;
    char piece[8192];
    while (stream.read(piece, sizeof piece), stream.gcount() > 0) {
        content.append(piece, static_cast<std::size_t>(stream.gcount()));
    }
    return content;
}

/// An executor whose one thread runs what it was given when the test says so, in order.
class HeldExecutor final : public Executor {
public:
    HeldExecutor() : thread_([this] { main(); }) {}
    HeldExecutor(const HeldExecutor&) = delete;
    HeldExecutor& operator=(const HeldExecutor&) = delete;
    /// Runs what is left: nothing that was submitted may be lost.
    ~HeldExecutor() override {
        {
            const std::lock_guard lock(mutex_);
            allowed_ = unlimited;
            ending_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

    /// Lets so many run that were submitted, or will be.
    void let_run(std::size_t count = 1) {
        {
            const std::lock_guard lock(mutex_);
            allowed_ = allowed_ == unlimited ? unlimited : allowed_ + count;
        }
        changed_.notify_all();
    }
    void let_all_run() {
        {
            const std::lock_guard lock(mutex_);
            allowed_ = unlimited;
        }
        changed_.notify_all();
    }
    [[nodiscard]] std::size_t submitted() const {
        const std::lock_guard lock(mutex_);
        return submitted_;
    }

    void submit(Work& work) override {
        {
            const std::lock_guard lock(mutex_);
            waiting_.push_back(&work);
            ++submitted_;
        }
        changed_.notify_all();
    }

private:
    static constexpr std::size_t unlimited = static_cast<std::size_t>(-1);

    void main() {
        std::unique_lock lock(mutex_);
        while (true) {
            changed_.wait(lock, [&] { return (!waiting_.empty() && allowed_ != 0) || ending_; });
            if (waiting_.empty()) {
                return;
            }
            Work* const work = waiting_.front();
            waiting_.pop_front();
            allowed_ -= allowed_ != unlimited ? 1U : 0U;
            lock.unlock();
            work->run();
            lock.lock();
        }
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Work*> waiting_;
    std::size_t allowed_ = 0;
    std::size_t submitted_ = 0;
    bool ending_ = false;
    std::thread thread_;  // last: it uses the others
};

}  // namespace eddy::testing
