#!/bin/sh
# Says where tests may keep their files: in memory where there is room, since they sync thousands of them; else nothing.
folder=/dev/shm
[ -d "$folder" ] && [ -w "$folder" ] || exit 0
free=$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')
[ "$free" -ge 4194304 ] && echo "$folder"
exit 0
