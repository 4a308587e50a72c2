#!/bin/sh
# The daemon, where it listens for other hosts; and guests that run read certificate and key of their display again. Those without TLS have none, which is fine.
virt-admin --quiet server-update-tls libvirtd >/dev/null 2>&1 || :
virsh --quiet list --name | while read -r domain; do
  [ -z "$domain" ] || virsh --quiet qemu-monitor-command "$domain" \
    '{"execute": "display-reload", "arguments": {"type": "vnc", "tls-certs": true}}' </dev/null >/dev/null || :
done
