// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/json.h"

#include "orchestrator/qemu_choice.h"

namespace vmigrate {
namespace {

template <class T, class Convert>
Json or_null(const std::optional<T>& value, Convert convert) {
    return value ? Json(convert(*value)) : Json(nullptr);
}

const auto kCount = [](const auto& value) { return value.count(); };
const auto kBytes = [](const auto& value) { return value.count; };
const auto kSame = [](const auto& value) { return value; };

Json checks_json(const std::vector<Check>& checks) {
    Json list = Json::array();
    for (const auto& check : checks) {
        list.push_back(to_json(check));
    }
    return list;
}

Json asked_json(const Plan& plan) {
    const auto& options = plan.request.options;
    return {{"blackout_ceiling_ms", options.blackout_ceiling.count()},
            {"downtime_limit_ms", plan.call.downtime_limit.count()},
            {"bandwidth_bytes_per_s", plan.call.bandwidth.count},
            {"max_iterations", options.max_iterations},
            {"timeout_ms", options.timeout.count()},
            {"postcopy_resume_ms", options.postcopy_resume.count()}};
}

Json parameters_json(const std::map<std::string, std::string>& parameters) {
    Json json = Json::object();
    for (const auto& [name, value] : parameters) {
        json[name] = Json::parse(value, nullptr, false);
    }
    return json;
}

Json qemu_json(const std::optional<QemuFeatures>& qemu) {
    if (!qemu) {
        return nullptr;
    }
    return {{"version", qemu->version}, {"package", qemu->package}, {"extras", extras_of(*qemu)}};
}

Json wishes_json(const std::vector<QemuWish>& wishes) {
    Json list = Json::array();
    for (const auto& wish : wishes) {
        list.push_back({{"key", wish.key},
                        {"value", wish.value},
                        {"asked", wish.asked},
                        {"fate", name_of(wish.fate)},
                        {"reason", wish.reason}});
    }
    return list;
}

Json call_json(const MigrationCall& call) {
    Json volumes = Json::array();
    for (const auto& volume : call.volumes) {
        volumes.push_back(to_json(volume));
    }
    return {{"transport", call.transport == Transport::native ? "native" : "tunnelled"},
            {"peer_to_peer", call.peer_to_peer},
            {"tls", call.tls},
            {"live", call.live},
            {"offline", call.offline},
            {"paused", call.paused},
            {"verify_disks", call.verify_disks},
            {"persist_destination", call.persist_destination},
            {"undefine_source", call.undefine_source},
            {"remove_source_disks", call.remove_source_disks},
            {"unsafe", call.unsafe},
            {"postcopy", call.postcopy},
            {"destination_name", or_null(call.destination_name, kSame)},
            {"migrate_uri", or_null(call.migrate_uri, kSame)},
            {"listen_address", or_null(call.listen_address, kSame)},
            {"auto_converge", call.auto_converge},
            {"throttle", name_of(call.throttle)},
            {"limit_writes", call.limit_writes},
            {"parallel_connections", call.parallel_connections},
            {"bandwidth_bytes_per_s", call.bandwidth.count},
            {"downtime_limit_ms", call.downtime_limit.count()},
            {"emulator", or_null(call.emulator, kSame)},
            {"qemu_capabilities", call.qemu.capabilities},
            {"qemu_parameters", parameters_json(call.qemu.parameters)},
            {"volumes", volumes}};
}

}  // namespace

Json to_json(const Check& check) {
    Json json = {
        {"name", check.name}, {"verdict", name_of(check.verdict)}, {"finding", check.finding}};
    if (!check.fix.empty()) {
        json["fix"] = check.fix;
    }
    return json;
}

Json to_json(const Prediction& prediction) {
    return {{"converges", prediction.converges},
            {"converges_unaided", prediction.unaided},
            {"assumed", prediction.assumed},
            {"bandwidth_bytes_per_s", prediction.bandwidth.count},
            {"iterations", prediction.iterations},
            {"memory_sent_bytes", prediction.memory_sent.count},
            {"disk_sent_bytes", prediction.disk_sent.count},
            {"total_ms", prediction.total.count()},
            {"blackout_ms", prediction.blackout.count()},
            {"pause_ms", prediction.pause.count()},
            {"throttled_ms", prediction.throttled.count()},
            {"throttle_percent_max", prediction.throttle_percent_max},
            {"bandwidth_needed_bytes_per_s", prediction.bandwidth_needed.count},
            {"ceiling_needed_ms", prediction.ceiling_needed.count()},
            {"confidence", prediction.confidence},
            {"reasons", prediction.reasons}};
}

Json to_json(const HostFacts& host) {
    return {{"host", host.name},
            {"uri", host.uri},
            {"hostname", host.hostname},
            {"uuid", host.uuid},
            {"hypervisor", host.hypervisor},
            {"arch", host.arch},
            {"libvirt_version", host.libvirt_version},
            {"qemu_version", host.qemu_version},
            {"memory_total_bytes", host.memory_total.count},
            {"memory_free_bytes", host.memory_free.count},
            {"cpus", host.cpus},
            {"idle_cpus", or_null(host.idle_cpus, kSame)},
            {"guests_running", host.guests_running},
            {"link_bytes_per_s", or_null(host.link, kBytes)},
            {"answer_time_ms", host.answer_time.count()}};
}

Json to_json(const Measures& measures) {
    const auto probed = [&](auto what) {
        return measures.probe ? Json(what(*measures.probe)) : Json(nullptr);
    };
    const auto compared = [&](auto what) {
        return measures.disks ? Json(what(*measures.disks)) : Json(nullptr);
    };
    return {
        {"setup_ms", or_null(measures.setup, kCount)},
        {"total_ms", or_null(measures.total, kCount)},
        {"call_ms", or_null(measures.call, kCount)},
        {"memory_sent_bytes", or_null(measures.memory_sent, kBytes)},
        {"disk_sent_bytes", or_null(measures.disk_sent, kBytes)},
        {"blackout_us", or_null(measures.blackout, kCount)},
        {"guest_speed", or_null(measures.guest_speed, kSame)},
        {"workload_speed", or_null(measures.workload_speed, kSame)},
        {"throttled_ms", or_null(measures.throttled, kCount)},
        {"throttle_percent_max", measures.throttle_percent_max},
        {"write_limited_ms", or_null(measures.write_limited, kCount)},
        {"write_limit_min_bytes_per_s", or_null(measures.write_limit_min, kBytes)},
        {"source_cpu_ms", or_null(measures.source_cpu, kCount)},
        {"destination_cpu_ms", or_null(measures.destination_cpu, kCount)},
        {"bandwidth_mean_bytes_per_s", or_null(measures.bandwidth_mean, kBytes)},
        {"iterations", measures.iterations},
        {"probe_sent", probed([](const ProbeCounts& counts) { return counts.sent; })},
        {"probe_lost", probed([](const ProbeCounts& counts) { return counts.lost; })},
        {"probe_duplicated", probed([](const ProbeCounts& counts) { return counts.duplicated; })},
        {"probe_reordered", probed([](const ProbeCounts& counts) { return counts.reordered; })},
        {"probe_longest_gap_us",
         probed([](const ProbeCounts& counts) { return counts.longest_gap.count(); })},
        {"disks_compared_bytes",
         compared([](const DiskMeasures& disks) { return disks.compared.count; })},
        {"disk_mismatches", compared([](const DiskMeasures& disks) { return disks.mismatches; })},
        {"disks_compared_ms",
         compared([](const DiskMeasures& disks) { return disks.took.count(); })}};
}

Json to_json(const Record& record) {
    Json json = {{"id", record.id},
                 {"outcome", name_of(record.outcome)},
                 {"reason", record.reason},
                 {"problems", record.problems},
                 {"interrupted", record.interrupted}};
    json.update(to_json(record.measures));
    return json;
}

Json to_json(const Forecast& forecast) {
    return {{"convergence_ratio", or_null(forecast.convergence_ratio, kSame)},
            {"endless", forecast.endless},
            {"eta_ms", or_null(forecast.eta, kCount)},
            {"eta_low_ms", or_null(forecast.eta_low, kCount)},
            {"eta_high_ms", or_null(forecast.eta_high, kCount)}};
}

Json to_json(const Progress& progress) {
    Json json = {{"phase", name_of(progress.phase)},
                 {"progress_percent", progress.percent},
                 {"iteration", progress.iteration},
                 {"remaining_bytes", progress.remaining.count},
                 {"total_bytes", progress.total.count},
                 {"dirty_bytes_per_s", progress.dirty_rate.count},
                 {"bandwidth_bytes_per_s", progress.bandwidth.count},
                 {"throttle_percent", progress.throttle_percent},
                 {"elapsed_ms", progress.elapsed.count()}};
    json.update(to_json(progress.forecast));
    return json;
}

Json to_json(const Sample& sample) {
    const auto cpu = [&](auto what) { return or_null(sample.cpu, what); };
    return {{"job", name_of(sample.job)},
            {"iteration", sample.iteration},
            {"memory_total_bytes", sample.memory_total.count},
            {"memory_remaining_bytes", sample.memory_remaining.count},
            {"memory_sent_bytes", sample.memory_sent.count},
            {"disk_total_bytes", sample.disk_total.count},
            {"disk_remaining_bytes", sample.disk_remaining.count},
            {"disk_sent_bytes", sample.disk_sent.count},
            {"dirty_bytes_per_s", sample.dirty_rate.count},
            {"bandwidth_bytes_per_s", sample.bandwidth.count},
            {"expected_downtime_ms", or_null(sample.expected_downtime, kCount)},
            {"throttle_percent", sample.throttle_percent},
            {"memory_delayed_bytes", or_null(sample.memory_delayed(), kBytes)},
            {"write_limit_bytes_per_s", or_null(sample.write_limit, kBytes)},
            {"process_cpu_us", cpu([](const CpuUse& use) { return use.process.count(); })},
            {"vcpus_cpu_us", cpu([](const CpuUse& use) { return use.vcpus.count(); })}};
}

Json to_json(const VolumeMove& volume) {
    return {{"target", volume.target},
            {"source_path", volume.source_path},
            {"path", volume.path},
            {"format", volume.format},
            {"capacity_bytes", volume.capacity.count},
            {"make", volume.make}};
}

Result<VolumeMove> volume_from_json(const std::string& text) {
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_object()) {
        return fail(ErrorKind::storage, "a volume in the history is not JSON");
    }
    VolumeMove volume;
    volume.target = member(json, "target", std::string());
    volume.source_path = member(json, "source_path", std::string());
    volume.path = member(json, "path", std::string());
    volume.format = member(json, "format", std::string());
    volume.capacity = {member(json, "capacity_bytes", std::uint64_t{0})};
    volume.make = member(json, "make", true);
    if (volume.path.empty()) {
        return fail(ErrorKind::storage, "a volume in the history has no path");
    }
    return volume;
}

Json idle_json(const Plan& plan) {
    auto json = Json::object();
    for (const auto* host : {&plan.source, &plan.destination.host}) {
        if (host->idle_cpus) {
            json[host->name] = *host->idle_cpus;
        }
    }
    return json;
}

Json to_json(const Plan& plan) {
    return {{"guest", plan.guest.ref.name},
            {"guest_uuid", plan.guest.ref.uuid},
            {"guest_state", name_of(plan.guest.state)},
            {"paused_on_purpose", plan.request.suspend},
            {"source", plan.source.name},
            {"destination", plan.destination.host.name},
            {"destination_reason", plan.destination_reason},
            {"policy", plan.request.policy},
            {"blocked", plan.blocked()},
            {"checks", checks_json(plan.checks)},
            {"source_qemu", qemu_json(plan.guest.qemu)},
            {"destination_qemu", qemu_json(plan.destination.qemu)},
            {"qemu_settings", wishes_json(plan.qemu)},
            {"dirty_bytes_per_s", or_null(plan.memory.dirty_rate, kBytes)},
            {"dirty_window_ms", plan.memory.dirty_window.count()},
            {"pages_sampled", plan.memory.pages_sampled},
            {"zero_share", plan.memory.zero_share},
            {"compressed_share", plan.memory.compressed_share},
            {"idle_cpus", idle_json(plan)},
            {"asked", asked_json(plan)},
            {"prediction", to_json(plan.prediction)},
            {"call", call_json(plan.call)},
            {"notes", plan.notes}};
}

std::optional<MigrationCall> resumable_from_json(const Json& json) {
    if (!json.is_object() || !member(json, "postcopy", false)) {
        return std::nullopt;
    }
    const auto text = [&json](const char* name) {
        const auto found = json.find(name);
        return found != json.end() && found->is_string() ? std::optional(found->get<std::string>())
                                                         : std::nullopt;
    };
    MigrationCall call;
    call.postcopy = true;
    call.peer_to_peer = member(json, "peer_to_peer", true);
    call.tls = member(json, "tls", false);
    call.paused = member(json, "paused", false);
    call.unsafe = member(json, "unsafe", false);
    call.persist_destination = member(json, "persist_destination", true);
    call.undefine_source = member(json, "undefine_source", true);
    call.bandwidth = {member(json, "bandwidth_bytes_per_s", std::uint64_t{0})};
    call.emulator = text("emulator");
    call.destination_name = text("destination_name");
    call.migrate_uri = text("migrate_uri");
    call.listen_address = text("listen_address");
    return call;
}

std::string line(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace vmigrate
