// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit threads
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <libvirt/libvirt.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "libvirt/migration.h"
#include "libvirt/patience.h"
#include "libvirt/survey.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

// libvirt's event loop can be started once in a process.
void start_event_loop() {
    static EventLoop loop;
}

HostAccess host(std::string uri) {
    HostAccess access;
    access.name = "here";
    access.uri = std::move(uri);
    return access;
}

std::unique_ptr<Session> test_host() {
    start_event_loop();
    auto session = Session::open(host("test:///default"));
    REQUIRE(session);
    return std::move(*session);
}

// A port where connections are taken by the kernel and nobody ever answers.
class SilentPort {
  public:
    SilentPort() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        socklen_t size = sizeof(address);
        REQUIRE(::bind(socket_, generic, size) == 0);
        REQUIRE(::listen(socket_, 8) == 0);
        REQUIRE(::getsockname(socket_, generic, &size) == 0);
        number_ = ntohs(address.sin_port);
    }
    ~SilentPort() { ::close(socket_); }
    SilentPort(const SilentPort&) = delete;
    SilentPort& operator=(const SilentPort&) = delete;
    int number() const { return number_; }

  private:
    int socket_;
    int number_ = 0;
};

}  // namespace

TEST_CASE("a host that answers is surveyed") {
    auto session = test_host();
    CHECK(session->alive());
    const auto facts = survey_host(*session);
    REQUIRE(facts);
    CHECK(facts->name == "here");
    CHECK(facts->uri == "test:///default");
    CHECK(!facts->hostname.empty());
    CHECK(facts->guests_running == 1);
    CHECK(facts->cpus > 0);
    CHECK(facts->memory_total.count > 0);
    CHECK(session->reconnect());
    CHECK(session->alive());
}

TEST_CASE("guests are found by name or UUID") {
    auto session = test_host();
    const auto guests = list_guests(*session);
    REQUIRE(guests);
    REQUIRE(guests->size() == 1);
    CHECK(guests->front().name == "test");
    for (const auto& who : {guests->front().name, guests->front().uuid}) {
        const auto found = find_guest(*session, who);
        REQUIRE(found);
        REQUIRE(found->has_value());
        CHECK((*found)->ref.uuid == guests->front().uuid);
        CHECK((*found)->host == "here");
        CHECK((*found)->state == GuestState::running);
        CHECK((*found)->memory.count > 0);
        CHECK(!(*found)->qemu);
    }
}

TEST_CASE("a guest that is not there is no error") {
    auto session = test_host();
    for (const auto* who :
         {"no such", "", "-x", "00000000-0000-4000-8000-000000000000", "\xff'\""}) {
        const auto found = find_guest(*session, who);
        REQUIRE(found);
        CHECK(!found->has_value());
    }
}

TEST_CASE("a host that cannot be reached is named with libvirt's reason") {
    start_event_loop();
    for (const auto* uri : {"qemu+unix:///system?socket=/nonexistent/sock", "nonsense:///x",
                            "qemu+tcp://127.0.0.1:1/system"}) {
        const auto session = Session::open(host(uri));
        REQUIRE(!session);
        CHECK(session.error().kind == ErrorKind::unreachable);
        CHECK(session.error().message.starts_with("cannot connect to host 'here': "));
        CHECK(session.error().message.find('\n') == std::string::npos);
    }
}

TEST_CASE("a host that takes the connection and then says nothing is given up") {
    start_event_loop();
    const SilentPort port;
    const auto begin = std::chrono::steady_clock::now();
    const auto session =
        Session::open(host("qemu+tcp://127.0.0.1:" + std::to_string(port.number()) + "/system"),
                      milliseconds(200));
    REQUIRE(!session);
    CHECK(std::chrono::steady_clock::now() - begin < seconds(5));
    CHECK(session.error().kind == ErrorKind::unreachable);
    CHECK(session.error().message.find("does not answer within 200 ms") != std::string::npos);
}

TEST_CASE("patience ends, the work does not") {
    auto ended = std::make_shared<std::atomic<bool>>(false);
    const auto answer = within(milliseconds(10), [ended] {
        std::this_thread::sleep_for(milliseconds(100));
        *ended = true;
        return 1;
    });
    CHECK(!answer);
    CHECK(!*ended);
    CHECK(within(seconds(10), [ended] {
              while (!*ended) {
                  std::this_thread::sleep_for(milliseconds(1));
              }
              return 2;
          }) == 2);
    CHECK(!within(
        seconds(10),
        [] {
            std::this_thread::sleep_for(milliseconds(50));
            return 3;
        },
        [] { return true; }));
}

TEST_CASE("libvirt's events arrive, and states are asked of the daemon") {
    auto source = test_host();
    auto destination = test_host();
    const auto guests = list_guests(*source);
    REQUIRE(guests);
    EventQueue events;
    {
        const auto hypervisor = make_hypervisor(*source, *destination, guests->front(), events);
        REQUIRE(hypervisor);
        auto& edge = **hypervisor;
        CHECK(edge.guest_state(Side::source) == GuestState::running);
        virDomainPtr domain = virDomainLookupByName(source->connection(), "test");
        REQUIRE(virDomainSuspend(domain) == 0);
        const auto stopped = events.next(std::chrono::steady_clock::now() + seconds(10));
        REQUIRE(stopped);
        CHECK(std::holds_alternative<GuestStopped>(stopped->what));
        CHECK(stopped->side == Side::source);
        REQUIRE(virDomainResume(domain) == 0);
        const auto resumed = events.next(std::chrono::steady_clock::now() + seconds(10));
        REQUIRE(resumed);
        CHECK(std::holds_alternative<GuestResumed>(resumed->what));
        virDomainFree(domain);
        // this driver's two connections see the same guest
        const auto there = events.next(std::chrono::steady_clock::now() + seconds(10));
        REQUIRE(there);
        CHECK(there->side == Side::destination);
        CHECK(edge.cpu_use(Side::source));
        CHECK(!edge.sample());
        edge.end_call();
    }
    virDomainPtr domain = virDomainLookupByName(source->connection(), "test");
    REQUIRE(virDomainSuspend(domain) == 0);
    REQUIRE(virDomainResume(domain) == 0);
    virDomainFree(domain);
    CHECK(!events.next(std::chrono::steady_clock::now() + milliseconds(50)));
}
