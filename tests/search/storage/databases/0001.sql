BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE foldsweep_epochs (
	sweep_id VARCHAR(36) NOT NULL, 
	number INTEGER NOT NULL, 
	stage VARCHAR(16) NOT NULL, 
	epoch INTEGER NOT NULL, 
	folds VARCHAR(100) NOT NULL, 
	step INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	scores JSON NOT NULL, 
	mean DOUBLE NOT NULL, 
	recorded_ms BIGINT NOT NULL, 
	PRIMARY KEY (sweep_id, number, stage, epoch, folds), 
	FOREIGN KEY(sweep_id, number) REFERENCES foldsweep_slots (sweep_id, number)
);
INSERT INTO "foldsweep_epochs" VALUES('6e92515b-1e86-461a-bc69-a99cde6276f5',0,'head',0,'0,1',0,1,'{"0": 0.44602081193458254, "1": 0.45602081193458255}',4.51020811934582543933e-01,1795559738220);
INSERT INTO "foldsweep_epochs" VALUES('6e92515b-1e86-461a-bc69-a99cde6276f5',0,'head',1,'0,1',1,1,'{"0": 0.6690312179018738, "1": 0.6790312179018738}',6.7403121790187381368e-01,1795559738269);
INSERT INTO "foldsweep_epochs" VALUES('6e92515b-1e86-461a-bc69-a99cde6276f5',1,'head',0,'0,1',0,1,'{"0": 0.37753877273500946, "1": 0.3875387727350095}',3.82538772735009469094e-01,1795559738786);
INSERT INTO "foldsweep_epochs" VALUES('6e92515b-1e86-461a-bc69-a99cde6276f5',1,'head',1,'0,1',1,1,'{"0": 0.5663081591025142, "1": 0.5763081591025142}',5.71308159102514201421e-01,1795559738835);
INSERT INTO "foldsweep_epochs" VALUES('6e92515b-1e86-461a-bc69-a99cde6276f5',2,'head',0,'0,1',0,1,'{"0": 0.3407366880935587, "1": 0.35073668809355873}',3.4573668809355873055e-01,1795559739465);
INSERT INTO "foldsweep_epochs" VALUES('6e92515b-1e86-461a-bc69-a99cde6276f5',2,'head',1,'0,1',1,1,'{"0": 0.5111050321403381, "1": 0.5211050321403381}',5.16105032140338093604e-01,1795559739502);
CREATE TABLE foldsweep_phases (
	sweep_id VARCHAR(36) NOT NULL, 
	number INTEGER NOT NULL, 
	stage VARCHAR(16) NOT NULL, 
	score DOUBLE NOT NULL, 
	goes_on BOOLEAN NOT NULL, 
	ended_at DOUBLE NOT NULL, 
	PRIMARY KEY (sweep_id, number, stage), 
	FOREIGN KEY(sweep_id, number) REFERENCES foldsweep_slots (sweep_id, number)
);
INSERT INTO "foldsweep_phases" VALUES('6e92515b-1e86-461a-bc69-a99cde6276f5',0,'head',6.69031217901873809239e-01,1,1795559738.27);
INSERT INTO "foldsweep_phases" VALUES('6e92515b-1e86-461a-bc69-a99cde6276f5',1,'head',5.6630815910251419698e-01,0,1795559738.84);
INSERT INTO "foldsweep_phases" VALUES('6e92515b-1e86-461a-bc69-a99cde6276f5',2,'head',4.5e-01,1,1795559739.51);
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
INSERT INTO "foldsweep_promotions" VALUES('d0040c85-877e-47b1-b80c-cd0b4bf99e3d','6e92515b-1e86-461a-bc69-a99cde6276f5',1,X'010000000000000002000000000000000300000000000000','tiny','champion','00000000000000000000000000000000',1.79555974088598036767e+09,1,0,'no champion yet','{"clean": {"score": 0.75}}',1,1.79555974088799214362e+09);
CREATE TABLE foldsweep_schema (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT foldsweep_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO "foldsweep_schema" VALUES('0001');
CREATE TABLE foldsweep_slots (
	sweep_id VARCHAR(36) NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR(8) NOT NULL, 
	worker_id VARCHAR(100), 
	attempt INTEGER NOT NULL, 
	losses INTEGER NOT NULL, 
	trial INTEGER, 
	run_id VARCHAR(64), 
	params JSON, 
	score DOUBLE, 
	clean DOUBLE, 
	shifted DOUBLE, 
	detail JSON, 
	reason TEXT, 
	told BOOLEAN NOT NULL, 
	spooled VARCHAR(8), 
	began_at DOUBLE, 
	claimed_at DOUBLE, 
	ended_at DOUBLE, 
	device_s DOUBLE NOT NULL, 
	PRIMARY KEY (sweep_id, number), 
	UNIQUE (sweep_id, trial), 
	FOREIGN KEY(sweep_id) REFERENCES foldsweep_sweeps (id)
);
INSERT INTO "foldsweep_slots" VALUES('6e92515b-1e86-461a-bc69-a99cde6276f5',0,'done','a-host-24086-01a6d064',1,0,0,'493051d71e45423087bae6aec632f229','{"backbone": "small_cnn", "weights": "none", "policy": "none", "strength": "low", "dense_units": 128, "dropout": 0.2806607696644304, "optimizer": "lion", "learning_rate": 0.0018748911740655962, "weight_decay": 0.000281588683137588, "clip_norm": 0.0, "loss": "focal", "label_smoothing": 0.152087679919067, "focal_gamma": 0.5289606864346024, "focal_alpha": "none", "class_weights": "balanced", "schedule": "cosine", "warmup_fraction": 0.29030951805477817, "finetune_fraction": 0.3, "finetune_lr_factor": 0.0623485506741526, "batch_size": 128}',6.69031217901873809239e-01,6.69031217901873809239e-01,NULL,'{"fold_scores": [0.6690312179018738, 0.6790312179018738], "epochs": {"head": 2}, "summaries": {}, "stage_s": {}, "sharing": null, "metrics": {"log_loss": 0.3309687820981262}}',NULL,1,'done',1.79555973769601583478e+09,1.79555973769601583478e+09,1.79555973833998727805e+09,6.4397144317626953125e-01);
INSERT INTO "foldsweep_slots" VALUES('6e92515b-1e86-461a-bc69-a99cde6276f5',1,'done','a-host-24086-01a6d064',1,0,1,'0f295fffd95a4dd1807308098fcb309c','{"backbone": "small_cnn", "weights": "none", "policy": "none", "strength": "low", "dense_units": 128, "dropout": 0.42764624149013114, "optimizer": "lion", "learning_rate": 0.0014885455556677006, "weight_decay": 0.08957718702161625, "clip_norm": 1.0, "loss": "cross_entropy", "label_smoothing": 0.17578569150152912, "class_weights": "none", "schedule": "cosine", "warmup_fraction": 0.23198162362140928, "finetune_fraction": 0.6, "finetune_lr_factor": 0.013227045782942181, "batch_size": 128}',5.6630815910251419698e-01,5.6630815910251419698e-01,NULL,'{"fold_scores": [0.5663081591025142, 0.5763081591025142], "epochs": {"head": 2}, "summaries": {}, "stage_s": {}, "sharing": null, "metrics": {"log_loss": 0.4336918408974858}}',NULL,1,'done',1.79555973853399157523e+09,1.79555973853399157523e+09,1.7955597388709843158e+09,3.36992740631103515625e-01);
INSERT INTO "foldsweep_slots" VALUES('6e92515b-1e86-461a-bc69-a99cde6276f5',2,'done','a-host-24086-01a6d064',1,0,2,'96d1abe6572b47f799837ee082e63a35','{"backbone": "small_cnn", "weights": "none", "policy": "flip", "strength": "low", "dense_units": 128, "dropout": 0.325790308399066, "optimizer": "sgd", "learning_rate": 0.08459859572714756, "momentum": 0.8985315577519323, "nesterov": false, "clip_norm": 0.0, "loss": "focal", "label_smoothing": 0.18240184174300642, "focal_gamma": 3.179880340812161, "focal_alpha": "none", "class_weights": "balanced", "schedule": "cosine", "warmup_fraction": 0.28831421268126595, "finetune_fraction": 0.6, "finetune_lr_factor": 0.002353325171233855, "batch_size": 32}',5.11105032140338089163e-01,5.11105032140338089163e-01,NULL,'{"fold_scores": [0.5111050321403381, 0.5211050321403381], "epochs": {"head": 2}, "summaries": {}, "stage_s": {}, "sharing": null, "metrics": {"log_loss": 0.4888949678596619}}',NULL,1,'done',1.79555973903501486779e+09,1.79555973903501486779e+09,1.79555973957200646403e+09,5.36991596221923828125e-01);
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
	resumed_at DOUBLE NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "foldsweep_sweeps" VALUES('6e92515b-1e86-461a-bc69-a99cde6276f5','tiny','sweep: tiny
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
  finetune_epochs: 0
  finetune_top: 0.25
  patience: 3
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
  burst: 6
  seed: 0
budget:
  trials: 3
  hours: null
  gpu_hours: null
workers:
  engine: local
  count: 1
  gpus_per_worker: 1.0
','bd6860f3d116dcb977cbb9461b560fa33cc5c346b194464b7e8fcbff67482722','a58add0536ada0ef5b33598c36a2a0436bec22b3387a3205ebaf93d9d0857e5a',X'504B03042D000000080000002100E203DA39FFFFFFFFFFFFFFFF08001400726F77732E6E70790100100000010000000000006F000000000000009BEC17EA1B10C9C850C650AD9E925A9C5CA46EA5A06E9369A1AEA3A09E965F54529498179F5F94920A12774BCC294E058A17672416A402F91A86663A9A3A0AB50AE4032E06286084D24C509A194AB340693628CD09A5B9A1340F94E685D2FC505A004A0B426961282D02A5C5A03400504B03042D00000008000000210029D7A46DFFFFFFFFFFFFFFFF0B001400666F6C645F6F662E6E707901001000000100000000000050000000000000009BEC17EA1B10C9C850C650AD9E925A9C5CA46EA5A06E9369A1AEA3A09E965F54529498179F5F94920A12774BCC294E058A17672416A402F91A86663A9A3A0AB50AE4032E4606FC005D9E918038A9EA00504B03042D0000000800000021006E903736FFFFFFFFFFFFFFFF10001400686F6C646F75745F726F77732E6E707901001000C0000000000000005A000000000000009BEC17EA1B10C9C850C650AD9E925A9C5CA46EA5A06E9369A1AEA3A09E965F54529498179F5F94920A12774BCC294E058A17672416A402F91A163A9A3A0AB50A14002E5606086087D21C509A0B4AF3416921282D0AA5C5A13400504B03042D000000080000002100DDD24EB1FFFFFFFFFFFFFFFF0A00140067726F7570732E6E707901001000400100000000000084000000000000009BEC17EA1B10C9C850C650AD9E925A9C5CA46EA5A06E9369A1AEA3A09E965F54529498179F5F94920A12774BCC294E058A17672416A402F91A46263A9A3A0AB50AE4032E06286084D24C509A194AB340695628CD06A5D9A1340794E684D23003B9A1340F94E685D27C509A1F4A0B406941282D04A585A1B408941685D262505A1C4A0300504B03042D0000000800000021004F5B3596FFFFFFFFFFFFFFFF0D001400666F6C645F686173682E6E70790100100080010000000000009E000000000000009BEC17EA1B10C9C850C650AD9E925A9C5CA46EA5A06E136A66A2AEA3A09E965F54529498179F5F94920A92704BCC294E058A17672416A402F91A9A3A0AB50A9400AE440606065320B60062103B058A0DA0E2C6406C86249708954B05E234A89A24A83A6328DF126A5E329A7E2324FD2648724950F392A16A8CD0CC0499650ED56B0C9587B92F15AA3611EA1E4BA89A14281BE6170BA87A73A81E53A81E00504B01022D032D000000080000002100E203DA396F00000000010000080000000000000000000000800100000000726F77732E6E7079504B01022D032D00000008000000210029D7A46D50000000000100000B00000000000000000000008001A9000000666F6C645F6F662E6E7079504B01022D032D0000000800000021006E9037365A000000C0000000100000000000000000000000800136010000686F6C646F75745F726F77732E6E7079504B01022D032D000000080000002100DDD24EB184000000400100000A00000000000000000000008001D201000067726F7570732E6E7079504B01022D032D0000000800000021004F5B35969E000000800100000D0000000000000000000000800192020000666F6C645F686173682E6E7079504B05060000000005000500200100006F0300000000','{"foldsweep": "0.1.0", "keras": "3.15.1", "keras-cv": "0.9.0", "numpy": "2.4.6", "opencv-python-headless": "5.0.0.93", "optuna": "5.0.0", "tensorflow": "2.21.0"}',3,NULL,NULL,1795559737.53798,1.7955597375479981899e+09);
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
INSERT INTO "foldsweep_workers" VALUES('a-host-24086-01a6d064','6e92515b-1e86-461a-bc69-a99cde6276f5','a-host','another machine',24086,1795559719.28,'cpu',0.0,'left',1,1.79555973755499863626e+09,1.79555974036198401451e+09,'null');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'tiny');
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
INSERT INTO "trial_intermediate_values" VALUES(1,1,0,4.51020811934582543933e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,1,6.7403121790187381368e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(3,2,0,3.82538772735009469094e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(4,2,1,5.71308159102514201421e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,3,0,3.4573668809355873055e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(6,3,1,5.16105032140338093604e-01,'FINITE');
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
INSERT INTO "trial_params" VALUES(3,1,'strength',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["low", "medium", "high"]}}');
INSERT INTO "trial_params" VALUES(4,1,'dense_units',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0, 128, 256]}}');
INSERT INTO "trial_params" VALUES(5,1,'dropout',2.80660769664430376213e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(6,1,'optimizer',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["adamw", "sgd", "lion"]}}');
INSERT INTO "trial_params" VALUES(7,1,'lion_learning_rate',1.87489117406559619577e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.003, "log": true}}');
INSERT INTO "trial_params" VALUES(8,1,'weight_decay',0.000281588683137588,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(9,1,'clip_norm',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.0, 1.0]}}');
INSERT INTO "trial_params" VALUES(10,1,'schedule',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine"]}}');
INSERT INTO "trial_params" VALUES(11,1,'warmup_fraction',2.90309518054778170625e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.3, "log": false}}');
INSERT INTO "trial_params" VALUES(12,1,'batch_size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128]}}');
INSERT INTO "trial_params" VALUES(13,1,'loss',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["cross_entropy", "focal"]}}');
INSERT INTO "trial_params" VALUES(14,1,'label_smoothing',0.152087679919067,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO "trial_params" VALUES(15,1,'focal_gamma',5.28960686434602367356e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.5, "high": 4.0, "log": false}}');
INSERT INTO "trial_params" VALUES(16,1,'focal_alpha',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO "trial_params" VALUES(17,1,'class_weights',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO "trial_params" VALUES(18,1,'finetune_fraction',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.1, 0.3, 0.6, 1.0]}}');
INSERT INTO "trial_params" VALUES(19,1,'finetune_lr_factor',0.0623485506741526,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.3, "log": true}}');
INSERT INTO "trial_params" VALUES(20,2,'backbone',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["small_cnn"]}}');
INSERT INTO "trial_params" VALUES(21,2,'policy',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip"]}}');
INSERT INTO "trial_params" VALUES(22,2,'strength',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["low", "medium", "high"]}}');
INSERT INTO "trial_params" VALUES(23,2,'dense_units',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0, 128, 256]}}');
INSERT INTO "trial_params" VALUES(24,2,'dropout',4.27646241490131140405e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(25,2,'optimizer',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["adamw", "sgd", "lion"]}}');
INSERT INTO "trial_params" VALUES(26,2,'lion_learning_rate',1.48854555566770062682e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.003, "log": true}}');
INSERT INTO "trial_params" VALUES(27,2,'weight_decay',8.95771870216162530153e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(28,2,'clip_norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.0, 1.0]}}');
INSERT INTO "trial_params" VALUES(29,2,'schedule',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine"]}}');
INSERT INTO "trial_params" VALUES(30,2,'warmup_fraction',2.31981623621409283053e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.3, "log": false}}');
INSERT INTO "trial_params" VALUES(31,2,'batch_size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128]}}');
INSERT INTO "trial_params" VALUES(32,2,'loss',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["cross_entropy", "focal"]}}');
INSERT INTO "trial_params" VALUES(33,2,'label_smoothing',1.75785691501529117708e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO "trial_params" VALUES(34,2,'class_weights',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO "trial_params" VALUES(35,2,'finetune_fraction',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.1, 0.3, 0.6, 1.0]}}');
INSERT INTO "trial_params" VALUES(36,2,'finetune_lr_factor',1.32270457829421813483e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.3, "log": true}}');
INSERT INTO "trial_params" VALUES(37,3,'backbone',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["small_cnn"]}}');
INSERT INTO "trial_params" VALUES(38,3,'policy',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip"]}}');
INSERT INTO "trial_params" VALUES(39,3,'strength',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["low", "medium", "high"]}}');
INSERT INTO "trial_params" VALUES(40,3,'dense_units',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0, 128, 256]}}');
INSERT INTO "trial_params" VALUES(41,3,'dropout',0.325790308399066,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(42,3,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["adamw", "sgd", "lion"]}}');
INSERT INTO "trial_params" VALUES(43,3,'sgd_learning_rate',8.45985957271475630392e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(44,3,'momentum',8.98531557751932274946e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.8, "high": 0.99, "log": false}}');
INSERT INTO "trial_params" VALUES(45,3,'nesterov',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(46,3,'clip_norm',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.0, 1.0]}}');
INSERT INTO "trial_params" VALUES(47,3,'schedule',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine"]}}');
INSERT INTO "trial_params" VALUES(48,3,'warmup_fraction',2.88314212681265946702e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.3, "log": false}}');
INSERT INTO "trial_params" VALUES(49,3,'batch_size',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128]}}');
INSERT INTO "trial_params" VALUES(50,3,'loss',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["cross_entropy", "focal"]}}');
INSERT INTO "trial_params" VALUES(51,3,'label_smoothing',1.82401841743006415397e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO "trial_params" VALUES(52,3,'focal_gamma',3.17988034081216097703e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.5, "high": 4.0, "log": false}}');
INSERT INTO "trial_params" VALUES(53,3,'focal_alpha',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO "trial_params" VALUES(54,3,'class_weights',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "balanced"]}}');
INSERT INTO "trial_params" VALUES(55,3,'finetune_fraction',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [0.1, 0.3, 0.6, 1.0]}}');
INSERT INTO "trial_params" VALUES(56,3,'finetune_lr_factor',2.3533251712338550815e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.3, "log": true}}');
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
INSERT INTO "trial_values" VALUES(3,3,0,5.11105032140338089163e-01,'FINITE');
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
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-24 22:35:37.735450','2026-11-24 22:35:38.412986');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-24 22:35:38.568111','2026-11-24 22:35:38.944453');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-24 22:35:39.056497','2026-11-24 22:35:39.648597');
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
