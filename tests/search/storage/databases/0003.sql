BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE foldsweep_checkpoints (
	sweep_id VARCHAR(36) NOT NULL, 
	number INTEGER NOT NULL, 
	phase VARCHAR(8) NOT NULL, 
	part VARCHAR(32) NOT NULL, 
	attempt INTEGER NOT NULL, 
	stage VARCHAR(16) NOT NULL, 
	epoch INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	seconds DOUBLE NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	n_bytes BIGINT NOT NULL, 
	uri TEXT, 
	content BLOB, 
	PRIMARY KEY (sweep_id, number, phase, part), 
	FOREIGN KEY(sweep_id, number, phase) REFERENCES foldsweep_slots (sweep_id, number, phase)
);
INSERT INTO "foldsweep_checkpoints" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc',0,'head','finished heads',1,'head',0,0,0.0,'8739c76e681f900923b900c9df0ef75cf421d39cabb54650c4b9ad19b6a76d85',22,NULL,X'504B0506000000000000000000000000000000000000');
CREATE TABLE foldsweep_epochs (
	sweep_id VARCHAR(36) NOT NULL, 
	number INTEGER NOT NULL, 
	phase VARCHAR(8) NOT NULL, 
	stage VARCHAR(16) NOT NULL, 
	epoch INTEGER NOT NULL, 
	folds VARCHAR(100) NOT NULL, 
	step INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	scores JSON NOT NULL, 
	mean DOUBLE NOT NULL, 
	recorded_ms BIGINT NOT NULL, 
	PRIMARY KEY (sweep_id, number, phase, stage, epoch, folds), 
	FOREIGN KEY(sweep_id, number, phase) REFERENCES foldsweep_slots (sweep_id, number, phase)
);
INSERT INTO "foldsweep_epochs" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc',0,'head','head',0,'0,1',0,1,'{"0": 0.446, "1": 0.456}',0.451,1795573954100);
INSERT INTO "foldsweep_epochs" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc',0,'head','head',1,'0,1',1,1,'{"0": 0.6690312179018738, "1": 0.6790312179018738}',6.7403121790187381368e-01,1795573954143);
INSERT INTO "foldsweep_epochs" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc',1,'head','head',0,'0,1',0,1,'{"0": 0.3775, "1": 0.3875}',0.3825,1795573954632);
INSERT INTO "foldsweep_epochs" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc',1,'head','head',1,'0,1',1,1,'{"0": 0.5663081591025142, "1": 0.5763081591025142}',5.71308159102514201421e-01,1795573954659);
INSERT INTO "foldsweep_epochs" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc',2,'head','head',0,'0,1',0,1,'{"0": 0.3, "1": 0.31}',0.305,1795573955030);
INSERT INTO "foldsweep_epochs" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc',2,'head','head',1,'0,1',1,1,'{"0": 0.45, "1": 0.46}',0.455,1795573955035);
INSERT INTO "foldsweep_epochs" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc',2,'finetune','finetune',0,'0,1',2,1,'{"0": 0.34, "1": 0.35000000000000003}',3.45000000000000028865e-01,1795573955575);
INSERT INTO "foldsweep_epochs" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc',2,'finetune','finetune',1,'0,1',3,1,'{"0": 0.5111050321403381, "1": 0.5211050321403381}',5.16105032140338093604e-01,1795573955587);
CREATE TABLE foldsweep_promotions (
	id VARCHAR(36) NOT NULL, 
	sweep_id VARCHAR(36) NOT NULL, 
	trial INTEGER NOT NULL, 
	content_ids BLOB NOT NULL, 
	model VARCHAR(256) NOT NULL, 
	alias VARCHAR(256) NOT NULL, 
	run_id VARCHAR(64), 
	looked_at DOUBLE NOT NULL, 
	passed BOOLEAN, 
	forced BOOLEAN NOT NULL, 
	reason TEXT, 
	scores JSON, 
	version INTEGER, 
	aliased_at DOUBLE, 
	PRIMARY KEY (id), 
	FOREIGN KEY(sweep_id) REFERENCES foldsweep_sweeps (id)
);
INSERT INTO "foldsweep_promotions" VALUES('ba2b897c-609d-4ec2-8d7b-57248a6e210b','6f50f0ec-10a1-4b15-8008-18c2f4a180dc',1,X'010000000000000002000000000000000300000000000000','tiny','champion','00000000000000000000000000000000',1.7955739563119933605e+09,1,0,'no champion yet','{"clean": {"score": 0.75}}',1,1.79557395631400489805e+09);
CREATE TABLE foldsweep_schema (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT foldsweep_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO "foldsweep_schema" VALUES('0003');
CREATE TABLE foldsweep_slots (
	sweep_id VARCHAR(36) NOT NULL, 
	number INTEGER NOT NULL, 
	phase VARCHAR(8) NOT NULL, 
	state VARCHAR(8) NOT NULL, 
	worker_id VARCHAR(100), 
	attempt INTEGER NOT NULL, 
	losses INTEGER NOT NULL, 
	trial INTEGER, 
	study_trial INTEGER, 
	run_id VARCHAR(64), 
	params JSON, 
	score DOUBLE, 
	clean DOUBLE, 
	shifted DOUBLE, 
	detail JSON, 
	goes_on BOOLEAN NOT NULL, 
	reason TEXT, 
	told BOOLEAN NOT NULL, 
	spooled VARCHAR(8), 
	began_at DOUBLE, 
	claimed_at DOUBLE, 
	ended_at DOUBLE, 
	device_s DOUBLE NOT NULL, in_vain INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (sweep_id, number, phase), 
	UNIQUE (sweep_id, phase, trial), 
	UNIQUE (sweep_id, phase, study_trial), 
	FOREIGN KEY(sweep_id) REFERENCES foldsweep_sweeps (id)
);
INSERT INTO "foldsweep_slots" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc',0,'head','done','a-host-15332-104bf000',1,0,0,0,'66bfb2e3f32e4df08d317cf705f60d09','{"backbone": "small_cnn", "weights": "none", "features": "last", "policy": "none", "dense_units": 0, "dropout": 0.28055977158920303, "optimizer": "adamw", "learning_rate": 0.00018559572681975598, "weight_decay": 2.8021069233405973e-05, "clip_norm": 1.0, "loss": "focal", "label_smoothing": 0.19091030262342623, "focal_gamma": 1.4841754725830767, "focal_alpha": "balanced", "class_weights": "none", "schedule": "cosine", "warmup_fraction": 0.11191789933701557, "batch_size": 128}',6.69031217901873809239e-01,6.69031217901873809239e-01,NULL,'{"fold_scores": [0.6690312179018738, 0.6790312179018738], "epochs": {"head": 2}, "summaries": {}, "stage_s": {}, "sharing": null, "metrics": {"log_loss": 0.3309687820981262}, "interval": [0.15789473684210525, 0.5789473684210527]}',0,NULL,1,'done',1.79557395387901520726e+09,1.79557395387901520726e+09,1.7955739541729986668e+09,2.9398345947265625e-01,0);
INSERT INTO "foldsweep_slots" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc',1,'head','done','a-host-15332-104bf000',1,0,1,1,'a675937261ab4b6e881f2148e313d9f5','{"backbone": "small_cnn", "weights": "none", "features": "last", "policy": "none", "dense_units": 128, "dropout": 0.42764624149013114, "optimizer": "lion", "learning_rate": 0.0014885455556677006, "weight_decay": 0.08957718702161625, "clip_norm": 1.0, "loss": "cross_entropy", "label_smoothing": 0.17578569150152912, "class_weights": "none", "schedule": "cosine", "warmup_fraction": 0.23198162362140928, "batch_size": 128}',5.6630815910251419698e-01,5.6630815910251419698e-01,NULL,'{"fold_scores": [0.5663081591025142, 0.5763081591025142], "epochs": {"head": 2}, "summaries": {}, "stage_s": {}, "sharing": null, "metrics": {"log_loss": 0.4336918408974858}}',0,NULL,1,'done',1.79557395434101223948e+09,1.79557395434101223948e+09,1.79557395468198800086e+09,3.4097576141357421875e-01,0);
INSERT INTO "foldsweep_slots" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc',2,'head','done','a-host-15332-104bf000',1,0,2,2,'9e0ab1444ade47c0aa60bc4a5556029d','{"backbone": "small_cnn", "weights": "none", "features": "last", "policy": "flip", "strength": "low", "dense_units": 128, "dropout": 0.325790308399066, "optimizer": "sgd", "learning_rate": 0.08459859572714756, "momentum": 0.8985315577519323, "nesterov": false, "clip_norm": 0.0, "loss": "focal", "label_smoothing": 0.18240184174300642, "focal_gamma": 3.179880340812161, "focal_alpha": "balanced", "class_weights": "none", "schedule": "cosine", "warmup_fraction": 0.28831421268126595, "batch_size": 32}',0.45,0.45,NULL,'{"fold_scores": [0.45, 0.46], "epochs": {"head": 2}, "summaries": {}, "stage_s": {}, "sharing": null, "metrics": {"log_loss": 0.55}}',1,NULL,1,'done',1.79557395476398324969e+09,1.79557395476398324969e+09,1.79557395507599115366e+09,3.12007904052734375e-01,0);
INSERT INTO "foldsweep_slots" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc',2,'finetune','done','a-host-15332-104bf000',1,0,2,0,'9e0ab1444ade47c0aa60bc4a5556029d','{"backbone": "small_cnn", "weights": "none", "features": "last", "policy": "flip", "strength": "low", "dense_units": 128, "dropout": 0.325790308399066, "optimizer": "sgd", "learning_rate": 0.08459859572714756, "momentum": 0.8985315577519323, "nesterov": false, "clip_norm": 0.0, "loss": "focal", "label_smoothing": 0.18240184174300642, "focal_gamma": 3.179880340812161, "focal_alpha": "balanced", "class_weights": "none", "schedule": "cosine", "warmup_fraction": 0.28831421268126595, "batch_size": 32, "finetune_fraction": 0.6, "finetune_learning_rate": 0.0011565304758729305}',5.11105032140338089163e-01,5.11105032140338089163e-01,NULL,'{"fold_scores": [0.5111050321403381, 0.5211050321403381], "epochs": {"head": 2, "finetune": 2}, "summaries": {}, "stage_s": {}, "sharing": null, "metrics": {"log_loss": 0.4888949678596619}}',0,NULL,1,'done',1.79557395476398324969e+09,1.79557395525800585741e+09,1.79557395560199928286e+09,3.43993425369262695312e-01,0);
CREATE TABLE foldsweep_sweeps (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	file TEXT NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	fold_hash VARCHAR(64) NOT NULL, 
	splits BLOB NOT NULL, 
	versions JSON NOT NULL, 
	trials INTEGER NOT NULL, 
	hours DOUBLE, 
	gpu_hours DOUBLE, 
	created_at DOUBLE NOT NULL, 
	resumed_at DOUBLE NOT NULL, money DOUBLE, gpu_hour_price DOUBLE, stop INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "foldsweep_sweeps" VALUES('6f50f0ec-10a1-4b15-8008-18c2f4a180dc','tiny','sweep: tiny
data:
  path: /data/images.npz
  class_names: null
  image_px: 16
  exclude: none
  holdout: 0.3
validation:
  folds: 2
  metric: accuracy
  shift: none
  score: clean
train:
  head_epochs: 2
  views: 20
  finetune_epochs: 2
  finetune_top: 0.25
  finetune_share: 0.3
  patience: 5
  batch_size: 64
space:
  base: small
  backbone: small_cnn
  policy:
  - none
  - flip
recipes: []
objective: tiny_objective:score
search:
  sampler: random
  pruner: none
  burst: 3
  seed: 0
budget:
  trials: 3
  hours: null
  gpu_hours: null
workers:
  engine: local
  count: 1
  gpus_per_worker: 1.0
','e5d9b91ed9ba37b8bc9e71a62d969b17696225af1feaac999aa3d42d56001f04','7e14c96f478fb739421b2c62c3653a9df017b4c3a7695b96093e18bce8c788a8',X'504B03042D00000008000000210024395E26FFFFFFFFFFFFFFFF08001400726F77732E6E707901001000180100000000000076000000000000009BEC17EA1B10C9C850C650AD9E925A9C5CA46EA5A06E9369A1AEA3A09E965F54529498179F5F94920A12774BCC294E058A17672416A402F91A86963A9A3A0AB50AE4032E06286084D24C509A194AB340693628CD01A539A134CC001E28CD0BA5F9A0343F941680D282505A184A8B406951282D06A501504B03042D0000000800000021002155D858FFFFFFFFFFFFFFFF0B001400666F6C645F6F662E6E707901001000180100000000000051000000000000009BEC17EA1B10C9C850C650AD9E925A9C5CA46EA5A06E9369A1AEA3A09E965F54529498179F5F94920A12774BCC294E058A17672416A402F91A86963A9A3A0AB50AE4032E06286024401302C4AA23D63E00504B03042D00000008000000210032714476FFFFFFFFFFFFFFFF10001400686F6C646F75745F726F77732E6E707901001000A80000000000000052000000000000009BEC17EA1B10C9C850C650AD9E925A9C5CA46EA5A06E9369A1AEA3A09E965F54529498179F5F94920A12774BCC294E058A17672416A402F91AA63A9A3A0AB50A14002E5606086087D2DC505A084A8B436900504B03042D000000080000002100DDD24EB1FFFFFFFFFFFFFFFF0A00140067726F7570732E6E707901001000400100000000000084000000000000009BEC17EA1B10C9C850C650AD9E925A9C5CA46EA5A06E9369A1AEA3A09E965F54529498179F5F94920A12774BCC294E058A17672416A402F91A46263A9A3A0AB50AE4032E06286084D24C509A194AB340695628CD06A5D9A1340794E684D23003B9A1340F94E685D27C509A1F4A0B406941282D04A585A1B408941685D262505A1C4A0300504B03042D000000080000002100A34431F4FFFFFFFFFFFFFFFF0D001400666F6C645F686173682E6E7079010010008001000000000000A300000000000000A54FB10EC22014C4D5AF6043930E552845E3ECA671E9E06428D038186BC0B818BFC21FF6911C4977492EDC1D772FBCEFB13B9CCE33F6626FE14372516CB9D8755A898A8B618CCF68EF9731FA901FF6F69602F9E96A1F81F46259F10FFFE7CC5BC65820AC088AE0081B82260CF072C640F7D012B9FCBE46BF0777E8172EA11B708BAEC7CC1AFD1633D4A467E16B741A64CA1F6B7039D9C320E3E019F0B287C1DC7CFF00504B01022D032D00000008000000210024395E267600000018010000080000000000000000000000800100000000726F77732E6E7079504B01022D032D0000000800000021002155D85851000000180100000B00000000000000000000008001B0000000666F6C645F6F662E6E7079504B01022D032D0000000800000021003271447652000000A800000010000000000000000000000080013E010000686F6C646F75745F726F77732E6E7079504B01022D032D000000080000002100DDD24EB184000000400100000A00000000000000000000008001D201000067726F7570732E6E7079504B01022D032D000000080000002100A34431F4A3000000800100000D0000000000000000000000800192020000666F6C645F686173682E6E7079504B0506000000000500050020010000740300000000','{"foldsweep": "0.1.0", "keras": "3.15.1", "keras-cv": "0.9.0", "numpy": "2.4.6", "opencv-python-headless": "5.0.0.93", "optuna": "5.0.0", "tensorflow": "2.21.0", "scoring rules": "2"}',3,NULL,NULL,1.79557395381001520156e+09,1.79557395382799959179e+09,NULL,NULL,0);
CREATE TABLE foldsweep_workers (
	id VARCHAR(100) NOT NULL, 
	sweep_id VARCHAR(36) NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	machine VARCHAR(200) NOT NULL, 
	pid INTEGER NOT NULL, 
	pid_started_at DOUBLE NOT NULL, 
	device VARCHAR(100) NOT NULL, 
	gpus DOUBLE NOT NULL, 
	state VARCHAR(8) NOT NULL, 
	beat BIGINT NOT NULL, 
	joined_at DOUBLE NOT NULL, 
	seen_at DOUBLE NOT NULL, 
	progress JSON, 
	PRIMARY KEY (id), 
	FOREIGN KEY(sweep_id) REFERENCES foldsweep_sweeps (id)
);
INSERT INTO "foldsweep_workers" VALUES('a-host-15332-104bf000','6f50f0ec-10a1-4b15-8008-18c2f4a180dc','a-host','another machine',15332,1795573941.74,'cpu',0.0,'left',6,1.79557395384799528123e+09,1.79557395630398702619e+09,'null');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'tiny');
INSERT INTO "studies" VALUES(2,'tiny/finetune');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
INSERT INTO "study_directions" VALUES(2,'MAXIMIZE',2,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,0,0.451,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,1,6.7403121790187381368e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(3,2,0,0.3825,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(4,2,1,5.71308159102514201421e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,3,0,0.305,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(6,3,1,0.455,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'backbone',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["small_cnn"]}}');
INSERT INTO "trial_params" VALUES(2,1,'policy',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip"]}}');
INSERT INTO "trial_params" VALUES(3,1,'dense_units',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0, 128, 256]}}');
INSERT INTO "trial_params" VALUES(4,1,'dropout',2.80559771589203033048e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(5,1,'optimizer',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["adamw", "sgd", "lion"]}}');
INSERT INTO "trial_params" VALUES(6,1,'adamw_learning_rate',1.85595726819755979389e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 0.01, "log": true}}');
INSERT INTO "trial_params" VALUES(7,1,'weight_decay',2.80210692334059733536e-05,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(8,1,'clip_norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.0, 1.0]}}');
INSERT INTO "trial_params" VALUES(9,1,'schedule',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine"]}}');
INSERT INTO "trial_params" VALUES(10,1,'warmup_fraction',1.11917899337015569471e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.3, "log": false}}');
INSERT INTO "trial_params" VALUES(11,1,'batch_size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128]}}');
INSERT INTO "trial_params" VALUES(12,1,'loss',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["cross_entropy", "focal"]}}');
INSERT INTO "trial_params" VALUES(13,1,'label_smoothing',1.90910302623426231249e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO "trial_params" VALUES(14,1,'focal_gamma',1.48417547258307669366e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.5, "high": 4.0, "log": false}}');
INSERT INTO "trial_params" VALUES(15,1,'class_weights',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO "trial_params" VALUES(16,1,'focal_alpha',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO "trial_params" VALUES(17,2,'backbone',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["small_cnn"]}}');
INSERT INTO "trial_params" VALUES(18,2,'policy',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip"]}}');
INSERT INTO "trial_params" VALUES(19,2,'dense_units',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0, 128, 256]}}');
INSERT INTO "trial_params" VALUES(20,2,'dropout',4.27646241490131140405e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(21,2,'optimizer',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["adamw", "sgd", "lion"]}}');
INSERT INTO "trial_params" VALUES(22,2,'lion_learning_rate',1.48854555566770062682e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.003, "log": true}}');
INSERT INTO "trial_params" VALUES(23,2,'weight_decay',8.95771870216162530153e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(24,2,'clip_norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.0, 1.0]}}');
INSERT INTO "trial_params" VALUES(25,2,'schedule',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine"]}}');
INSERT INTO "trial_params" VALUES(26,2,'warmup_fraction',2.31981623621409283053e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.3, "log": false}}');
INSERT INTO "trial_params" VALUES(27,2,'batch_size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128]}}');
INSERT INTO "trial_params" VALUES(28,2,'loss',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["cross_entropy", "focal"]}}');
INSERT INTO "trial_params" VALUES(29,2,'label_smoothing',1.75785691501529117708e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO "trial_params" VALUES(30,2,'class_weights',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO "trial_params" VALUES(31,3,'backbone',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["small_cnn"]}}');
INSERT INTO "trial_params" VALUES(32,3,'policy',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip"]}}');
INSERT INTO "trial_params" VALUES(33,3,'strength',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["low", "medium", "high"]}}');
INSERT INTO "trial_params" VALUES(34,3,'dense_units',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0, 128, 256]}}');
INSERT INTO "trial_params" VALUES(35,3,'dropout',0.325790308399066,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(36,3,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["adamw", "sgd", "lion"]}}');
INSERT INTO "trial_params" VALUES(37,3,'sgd_learning_rate',8.45985957271475630392e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(38,3,'momentum',8.98531557751932274946e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.8, "high": 0.99, "log": false}}');
INSERT INTO "trial_params" VALUES(39,3,'nesterov',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(40,3,'clip_norm',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.0, 1.0]}}');
INSERT INTO "trial_params" VALUES(41,3,'schedule',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine"]}}');
INSERT INTO "trial_params" VALUES(42,3,'warmup_fraction',2.88314212681265946702e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.3, "log": false}}');
INSERT INTO "trial_params" VALUES(43,3,'batch_size',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128]}}');
INSERT INTO "trial_params" VALUES(44,3,'loss',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["cross_entropy", "focal"]}}');
INSERT INTO "trial_params" VALUES(45,3,'label_smoothing',1.82401841743006415397e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO "trial_params" VALUES(46,3,'focal_gamma',3.17988034081216097703e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.5, "high": 4.0, "log": false}}');
INSERT INTO "trial_params" VALUES(47,3,'class_weights',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO "trial_params" VALUES(48,3,'focal_alpha',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO "trial_params" VALUES(49,4,'backbone',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["small_cnn"]}}');
INSERT INTO "trial_params" VALUES(50,4,'policy',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip"]}}');
INSERT INTO "trial_params" VALUES(51,4,'strength',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["low", "medium", "high"]}}');
INSERT INTO "trial_params" VALUES(52,4,'dense_units',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0, 128, 256]}}');
INSERT INTO "trial_params" VALUES(53,4,'dropout',0.325790308399066,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(54,4,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["adamw", "sgd", "lion"]}}');
INSERT INTO "trial_params" VALUES(55,4,'sgd_learning_rate',8.45985957271475630392e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(56,4,'momentum',8.98531557751932274946e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.8, "high": 0.99, "log": false}}');
INSERT INTO "trial_params" VALUES(57,4,'nesterov',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(58,4,'clip_norm',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.0, 1.0]}}');
INSERT INTO "trial_params" VALUES(59,4,'schedule',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine"]}}');
INSERT INTO "trial_params" VALUES(60,4,'warmup_fraction',2.88314212681265946702e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.3, "log": false}}');
INSERT INTO "trial_params" VALUES(61,4,'batch_size',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128]}}');
INSERT INTO "trial_params" VALUES(62,4,'loss',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["cross_entropy", "focal"]}}');
INSERT INTO "trial_params" VALUES(63,4,'label_smoothing',1.82401841743006415397e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO "trial_params" VALUES(64,4,'focal_gamma',3.17988034081216097703e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.5, "high": 4.0, "log": false}}');
INSERT INTO "trial_params" VALUES(65,4,'class_weights',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO "trial_params" VALUES(66,4,'focal_alpha',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO "trial_params" VALUES(67,4,'finetune_fraction',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.1, 0.3, 0.6, 1.0]}}');
INSERT INTO "trial_params" VALUES(68,4,'sgd_finetune_learning_rate',1.15653047587293048535e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.03, "log": true}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'foldsweep:slot','0');
INSERT INTO "trial_user_attributes" VALUES(2,2,'foldsweep:slot','1');
INSERT INTO "trial_user_attributes" VALUES(3,3,'foldsweep:slot','2');
INSERT INTO "trial_user_attributes" VALUES(4,4,'foldsweep:slot','2');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,6.69031217901873809239e-01,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,5.6630815910251419698e-01,'FINITE');
INSERT INTO "trial_values" VALUES(3,3,0,0.45,'FINITE');
INSERT INTO "trial_values" VALUES(4,4,0,5.11105032140338089163e-01,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-25 02:32:33.894891','2026-11-25 02:32:34.235861');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-25 02:32:34.437735','2026-11-25 02:32:34.716344');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-25 02:32:34.796075','2026-11-25 02:32:35.165156');
INSERT INTO "trials" VALUES(4,0,2,'COMPLETE','2026-11-25 02:32:35.451241','2026-11-25 02:32:35.726827');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE INDEX ix_foldsweep_workers_sweep_id ON foldsweep_workers (sweep_id);
CREATE INDEX ix_foldsweep_promotions_sweep_id ON foldsweep_promotions (sweep_id);
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
