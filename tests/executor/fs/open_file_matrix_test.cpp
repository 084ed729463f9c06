// SPDX-License-Identifier: MIT
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <eddy/fs/file.hpp>
#include <eddy/fs/file_status.hpp>
#include <eddy/run.hpp>
#include <eddy/testing/wait_matrix.hpp>

#include "fs_kit.hpp"

using namespace eddy;
using namespace eddy::testing;

namespace {

constexpr std::size_t size = 100'000;  // more than a loop reads

/// An open file whose calls run when the matrix says so.
class FileFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;

    static constexpr bool holds_time = true;

    Task<> prepare() { co_return; }
    void complete() { held_.let_all_run(); }
    [[nodiscard]] bool intact() const { return file_.has_value() && file_->path().size() != 0; }

protected:
    /// A loop that opens it has no time to wait for that.
    FileFixture() {
        held_.let_run();
        const auto open = [this]() -> Task<> {
            file_.emplace(co_await File::open(directory_.write("a", std::string(size, 'x')),
                                              {.access = Access::read_write, .executor = &held_}));
        };
        std::thread([&] { run(open()); }).join();
    }

    TestDirectory directory_;
    HeldExecutor held_;
    std::optional<File> file_;
};

/// Its memory goes with its frame.
class ReadFixture : public FileFixture {
public:
    explicit ReadFixture(VirtualClock&) {}
    Task<> wait() {
        std::vector<std::byte> memory(size);
        const std::size_t length = co_await file_->read_at(0, memory);
        CHECK(length == size);
        CHECK(memory.back() == std::byte{'x'});
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    auto operation() { return file_->read_at(0, kept_); }

private:
    std::vector<std::byte> kept_ = std::vector<std::byte>(size);
};

class WriteFixture : public FileFixture {
public:
    explicit WriteFixture(VirtualClock&) {}
    Task<> wait() {
        const std::string text(size, 'y');
        co_await file_->write_at(0, text);
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    auto operation() { return file_->write_at(0, kept_); }

private:
    std::string kept_ = std::string(size, 'z');
};

/// A step that changes the file, and one that does not.
class TruncateFixture : public FileFixture {
public:
    explicit TruncateFixture(VirtualClock&) {}
    Task<> wait() { co_await file_->truncate(size); }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    auto operation() { return file_->truncate(size); }
};

class StatusFixture : public FileFixture {
public:
    explicit StatusFixture(VirtualClock&) {}
    Task<> wait() {
        const FileStatus status = co_await file_->status();
        CHECK(status.size == size);
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    auto operation() { return file_->status(); }
};

class CloseFixture : public FileFixture {
public:
    explicit CloseFixture(VirtualClock&) {}
    Task<> wait() { co_await file_->close(); }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    auto operation() { return file_->close(); }
};

/// A call that needs no open file.
class CallFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    Task<> prepare() { co_return; }
    void complete() { held_.let_all_run(); }
    [[nodiscard]] bool intact() const { return directory_.entries() == 1; }

protected:
    TestDirectory directory_;
    std::filesystem::path path_ = directory_.write("a", "1");
    HeldExecutor held_;
};

class OpenFixture : public CallFixture {
public:
    explicit OpenFixture(VirtualClock&) {}
    Task<> wait() {
        const File file = co_await File::open(path_, {.executor = &held_});
        CHECK(file.is_open());
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
};

class FileStatusFixture : public CallFixture {
public:
    explicit FileStatusFixture(VirtualClock&) {}
    Task<> wait() {
        const FileStatus status = co_await file_status(path_, {.executor = &held_});
        CHECK(status.size == 1);
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
};

}  // namespace

EDDY_WAIT_MATRIX("File::read_at", ReadFixture)
EDDY_WAIT_MATRIX("File::write_at", WriteFixture)
EDDY_WAIT_MATRIX("File::truncate", TruncateFixture)
EDDY_WAIT_MATRIX("File::status", StatusFixture)
EDDY_WAIT_MATRIX("File::close", CloseFixture)
EDDY_WAIT_MATRIX("File::open", OpenFixture)
EDDY_WAIT_MATRIX("file_status", FileStatusFixture)
