#!/usr/bin/env bash
# A tiny cloud guest of Debian packages: boots from disk, takes addresses, name, key and user data as cloud images do,
# answers SSH and the power button, grows its root to the flavor's disk.
#
#   build.sh OUT.qcow2 OTHER.qcow2
#
# OTHER is the same guest in other bytes: who tests with images needs two that differ and boot.
# The packages are downloaded and unpacked, not installed. No loop device and no mount: FAT is filled by mtools, ext4 by
# `mke2fs -d`, so it builds in a container as well. The guest's own files stand beside this script, in initrd/ and root/.
set -euo pipefail

out=$(realpath -m "$1")
other=$(realpath -m "$2")
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

MIB=1048576
DISK=$((96 * MIB)) BOOT_AT=$((1 * MIB)) ROOT_AT=$((25 * MIB))   # an MBR and two partitions
SECTOR=512

fetch_packages() { # into x/
  local kernel
  kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -1)
  mkdir debs x
  (cd debs && apt-get -qq -o APT::Sandbox::User=root download "$kernel" \
    busybox-static \
    dropbear-bin libtomcrypt1 libtommath1 libgmp10 libcrypt1 libc6 zlib1g \
    wide-dhcpv6-client libfl2 \
    e2fsprogs libext2fs2 libcom-err2 libblkid1 libuuid1)
  local deb
  for deb in debs/*.deb; do dpkg-deb -x "$deb" x; done
  release=$(ls x/lib/modules)
  depmod -b x "$release"
}

put_modules() { # put_modules FOLDER LIST MODULE...: files, and a list of them in the order of their dependencies
  local folder=$1 list=$1/$2 file
  shift 2
  mkdir -p "$folder"
  for module; do modprobe -d "$work/x" -S "$release" --show-depends "$module" 2>/dev/null | awk '$1 == "insmod" { print $2 }'; done |
    awk '!seen[$0]++' | while read -r file; do
      [ -e "initrd/lib/modules/${file##*/}" ] && [ "$folder" != initrd/lib/modules ] && continue
      cp -n "$file" "$folder/"
      echo "${file##*/}"
    done >"$list"
}

make_initrd() { # only what finds the root: an emulated CPU unpacks and copies every MiB of it
  cp -r "$here/initrd" initrd
  mkdir -p initrd/{bin,dev,proc,sys,mnt}
  cp x/bin/busybox initrd/bin/
  ln -s busybox initrd/bin/sh
  chmod 755 initrd/init
  put_modules initrd/lib/modules order virtio_pci virtio_blk ext4 crc32c_generic
  put_modules initrd/lib/modules order.scsi virtio_scsi sd_mod
  (cd initrd && find . | cpio -o -H newc --quiet) | lz4 -l -9 -q - initrd.lz4   # -l: the only lz4 format that kernels read
}

make_root() {
  cp -r "$here/root" root
  mkdir -p root/{bin,sbin,dev,proc,sys,run,tmp,mnt,lib64,lib/x86_64-linux-gnu,usr/sbin,usr/bin,var/log,var/lib/dhcpv6,etc/dropbear}
  mkdir -p -m 700 root/root root/root/.ssh
  cp x/bin/busybox root/bin/
  ln -s busybox root/bin/sh
  ln -s ../bin/busybox root/sbin/init
  cp x/usr/sbin/dropbear x/usr/sbin/dhcp6c root/usr/sbin/
  cp x/usr/bin/dropbearkey root/usr/bin/
  cp x/sbin/resize2fs root/sbin/
  copy_libraries root/usr/sbin/dropbear root/usr/sbin/dhcp6c root/usr/bin/dropbearkey root/sbin/resize2fs
  put_modules root/lib/modules order virtio_net virtio_rng virtio_balloon isofs button evdev
  chmod 755 root/etc/rc root/etc/udhcpc.sh root/etc/dhcp6 root/etc/dhcp6c.sh root/etc/acpi/PWRF/*
  chmod 600 root/etc/shadow
}

copy_libraries() { # what the programs name, as the guest's own loader finds it
  local loader=x/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 program
  cp -L "$loader" root/lib64/
  for program; do
    "$loader" --library-path x/lib/x86_64-linux-gnu:x/usr/lib/x86_64-linux-gnu --list "$program" | sed -n 's/.*=> \([^ ]*\) .*/\1/p'
  done | sort -u | xargs -I{} cp -L {} root/lib/x86_64-linux-gnu/
}

make_disk() {
  truncate -s $DISK disk.raw
  printf 'label: dos\nstart=%d,size=%d,type=e,bootable\nstart=%d,type=83\n' \
    $((BOOT_AT / SECTOR)) $(((ROOT_AT - BOOT_AT) / SECTOR)) $((ROOT_AT / SECTOR)) | sfdisk -q disk.raw

  truncate -s $((ROOT_AT - BOOT_AT)) boot.fat
  mkfs.vfat -F 16 -h $((BOOT_AT / SECTOR)) -n TINBOOT boot.fat >/dev/null
  mcopy -i boot.fat x/boot/vmlinuz-* ::vmlinuz
  mcopy -i boot.fat initrd.lz4 ::initrd
  mcopy -i boot.fat "$here/syslinux.cfg" ::
  syslinux --install boot.fat
  dd if=boot.fat of=disk.raw bs=$MIB seek=$((BOOT_AT / MIB)) conv=notrunc status=none
  dd if=/usr/lib/syslinux/mbr/mbr.bin of=disk.raw bs=440 count=1 conv=notrunc status=none

  truncate -s $((DISK - ROOT_AT)) root.ext4
  mke2fs -q -t ext4 -L tinroot -E root_owner=0:0 -O ^metadata_csum_seed -d root root.ext4
  dd if=root.ext4 of=disk.raw bs=$MIB seek=$((ROOT_AT / MIB)) conv=notrunc status=none
}

umask 022
fetch_packages
make_initrd
make_root
make_disk
qemu-img convert -f raw -O qcow2 -c disk.raw "$out.half"
qemu-img convert -f raw -O qcow2 -c -o cluster_size=128k disk.raw "$other.half"
mv "$other.half" "$other"
mv "$out.half" "$out"   # last: where it is, all is there
