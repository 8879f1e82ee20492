"""What libvirt was told about NICs, read from XML."""

from kvmlab.evidence.definition import DefinedNic, parse_nics

XML = """\
<domain><devices>
  <interface type='network'>
    <mac address='52:54:00:00:00:01'/><source network='blue'/><target dev='vnet0'/>
    <model type='virtio'/><link state='down'/><port isolated='yes'/>
    <filterref filter='clean-traffic'/>
  </interface>
  <interface type='direct'>
    <mac address='52:54:00:00:00:02'/><source dev='enp1s0' mode='bridge'/><model type='e1000'/>
  </interface>
</devices></domain>
"""


def test_nics_are_read_with_what_they_are_plugged_into() -> None:
    first, second = parse_nics("vm1", "running", XML, bridges={"blue": "virbr-blue"})

    assert first == DefinedNic(
        domain="vm1",
        state="running",
        index=0,
        kind="network",
        mac="52:54:00:00:00:01",
        model="virtio",
        network="blue",
        bridge="virbr-blue",
        tap="vnet0",
        is_plugged=False,
        is_isolated=True,
        filter="clean-traffic",
    )
    assert (second.kind, second.dev, second.bridge, second.index) == ("direct", "enp1s0", "", 1)
    assert second.is_plugged


def test_a_domain_that_is_off_has_no_tap() -> None:
    nics = list(parse_nics("vm1", "shut off", XML, bridges={}))

    assert [nic.tap for nic in nics] == ["", ""]
    assert not nics[0].is_running
