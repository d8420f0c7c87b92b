/* The files of this folder that are compiled in; see CMakeLists.txt. */
#pragma once

extern const char template_gateway[];
extern const char template_node[];
extern const char template_control_plane_files[];
extern const char template_first_files[];
extern const char template_worker_files[];
extern const char template_hcloud_secret[];
extern const char template_administrators[];
extern const char template_cloud_controller[];
extern const char template_volume_driver[];
extern const char script_nat_gateway[];
extern const char script_node[];
extern const char script_certificates[];
